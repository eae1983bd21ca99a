# The policy files as a C source: POLICIES (a list of paths), OUT.
set(arrays "")
set(rows "")
foreach(path IN LISTS POLICIES)
  get_filename_component(name ${path} NAME_WE)
  string(MAKE_C_IDENTIFIER ${name} symbol)
  file(READ ${path} hex HEX)
  string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
  string(APPEND arrays "static const unsigned char ${symbol}[] = {${bytes}};\n")
  string(APPEND rows "    {\"${name}\", ${symbol}, sizeof ${symbol}},\n")
endforeach()
file(WRITE ${OUT} "#include \"certcheck/policy_builtin.h\"\n${arrays}const struct policy_builtin policy_builtin[] = {\n${rows}};\n"
  "const size_t policy_builtin_count = sizeof policy_builtin / sizeof *policy_builtin;\n")
