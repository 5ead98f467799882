# -DSANITIZE=address,undefined (or thread): one switch for compile and link.
if(SANITIZE)
  add_compile_options(-fsanitize=${SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${SANITIZE})
  if(SANITIZE MATCHES "address")
    add_compile_definitions(ARENA_EMULATE)
  endif()
endif()
