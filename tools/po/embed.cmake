# A file as a C array: cmake -DINPUT=vi.mo -DOUTPUT=catalog_vi.c -DNAME=catalog_vi -P embed.cmake
file(READ ${INPUT} hex HEX)
string(REGEX REPLACE "(................................)" "\\1\n" lines "${hex}")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${lines}")
file(WRITE ${OUTPUT} "#include <stddef.h>\n#include <stdint.h>\n\nextern const uint8_t ${NAME}[];\nextern const size_t ${NAME}_len;\nconst uint8_t ${NAME}[] = {\n${bytes}\n};\nconst size_t ${NAME}_len = sizeof ${NAME};\n")
