/* A finding of a fuzz target: said, then SIGABRT. (g_error() raises SIGTRAP, which libFuzzer does
 * not catch, and the input would be lost.) */
#pragma once

#include <glib.h>

#define fuzz_fail(...)                                                                             \
  do {                                                                                             \
    g_printerr (__VA_ARGS__);                                                                      \
    g_printerr ("\n");                                                                             \
    g_assert_not_reached ();                                                                       \
  } while (0)
