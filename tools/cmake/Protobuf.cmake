# proto_library(TARGET a.proto b.proto): protobuf-c code in the build tree, outside our warnings.
find_program(PROTOC_C protoc-c REQUIRED)

function(proto_library target)
  set(sources "")
  foreach(file IN LISTS ARGN)
    get_filename_component(stem ${file} NAME_WE)
    set(out ${PROJECT_BINARY_DIR}/generated/proto/${stem}.pb-c)
    add_custom_command(
      OUTPUT ${out}.c ${out}.h
      COMMAND ${CMAKE_COMMAND} -E make_directory ${PROJECT_BINARY_DIR}/generated
      COMMAND ${PROTOC_C} -I${PROJECT_SOURCE_DIR} --c_out=${PROJECT_BINARY_DIR}/generated
              ${CMAKE_CURRENT_SOURCE_DIR}/${file}
      DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${file}
      COMMENT "protoc-c proto/${file}")
    list(APPEND sources ${out}.c ${out}.h)
  endforeach()
  add_library(${target} STATIC ${sources})
  target_include_directories(${target} SYSTEM PUBLIC ${PROJECT_BINARY_DIR}/generated)
  target_link_libraries(${target} PUBLIC ext::protobuf_c)
endfunction()
