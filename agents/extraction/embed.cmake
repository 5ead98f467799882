# cmake -DOUT=FILE.c -DDIR=schemas -P embed.cmake: schemas as byte arrays, a row for each kind.
set(kinds
  invoice=invoice
  tender=tender
  tenderResponse=tender-response
  shipmentStatus=shipment-status
  shipment=shipment
  rate=rate)
set(arrays "")
set(rows "")
foreach(pair IN LISTS kinds)
  string(REPLACE "=" ";" pair "${pair}")
  list(GET pair 0 kind)
  list(GET pair 1 file)
  file(READ ${DIR}/${file}.schema.json hex HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
  string(REGEX REPLACE "((0x..,)(0x..,)(0x..,)(0x..,)(0x..,)(0x..,)(0x..,)(0x..,))" "\\1\n" bytes
         "${bytes}")
  string(APPEND arrays "static const unsigned char ${kind}_bytes[] = {\n${bytes}};\n\n")
  string(APPEND rows "    {\"${kind}\", ${kind}_bytes, sizeof(${kind}_bytes)},\n")
endforeach()
file(WRITE ${OUT} "/* Generated from agents/extraction/schemas. */
#include \"agents/extraction/schemas.h\"

${arrays}const struct schema_text schema_texts[SCHEMA_KINDS] = {\n${rows}};\n")
