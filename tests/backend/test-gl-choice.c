/* gonio-cli on this machine's OpenGL: the self-test of both backends, that it is kept, and what the
 * automatic choice makes of it. Usage: gl-choice PATH-OF-GONIO-CLI */
#include "backends/gl/common/describe.h"
#include "tests/support/cli-run.h"

#include <json-glib/json-glib.h>
#include <string.h>

static JsonObject *
find_backend (JsonObject *report, const char *name)
{
  JsonArray *backends = json_object_get_array_member (report, "backends");
  for (guint i = 0; i < json_array_get_length (backends); i++) {
    JsonObject *backend = json_array_get_object_element (backends, i);
    if (g_str_equal (json_object_get_string_member (backend, "name"), name))
      return backend;
  }
  g_error ("doctor says nothing of %s", name);
}

static JsonObject *
run_doctor (const char *arguments, JsonParser *parser)
{
  g_autoptr (GError) error = NULL;
  g_auto (CliResult) result = cli_run (arguments, NULL);
  json_parser_load_from_data (parser, result.out, -1, &error);
  g_assert_no_error (error);
  return json_node_get_object (json_parser_get_root (parser));
}

static gboolean
check_backend (JsonObject *report, const char *name, gboolean kept)
{
  JsonObject *backend = find_backend (report, name);
  if (!json_object_get_boolean_member (backend, "available"))
    return FALSE;
  JsonObject *test = json_object_get_object_member (backend, "self_test");
  JsonArray *cases = json_object_get_array_member (test, "cases");
  if (!g_str_equal (json_object_get_string_member (test, "outcome"), "passed"))
    g_error ("%s: %s", name, json_object_get_string_member (test, "reason"));
  g_assert_cmpint (json_object_get_boolean_member (test, "kept"), ==, kept);
  g_assert_cmpuint (json_array_get_length (cases), >, 60);
  g_assert_cmpfloat (json_object_get_double_member (test, "speed"), >, 0);
  g_assert_nonnull (strstr (json_object_get_string_member (backend, "limits"), "OpenGL"));
  return TRUE;
}

static void
test_doctor (void)
{
  for (int run = 0; run < 2; run++) {
    g_autoptr (JsonParser) parser = json_parser_new ();
    JsonObject *report = run_doctor ("doctor --json", parser);
    gboolean compute = check_backend (report, "gl-compute", run > 0);
    gboolean fragment = check_backend (report, "gl-fragment", run > 0);
    if (!compute && !fragment) {
      g_test_skip ("no OpenGL on this machine");
      return;
    }
    JsonObject *cpu = find_backend (report, "reference");
    g_assert_true (json_object_get_boolean_member (cpu, "automatic"));
  }
}

static void
test_automatic (void)
{
  g_autoptr (JsonParser) plain = json_parser_new (), welcome = json_parser_new ();
  JsonObject *backend = find_backend (run_doctor ("doctor --json", plain), "gl-compute");
  if (!json_object_get_boolean_member (backend, "available") ||
      !json_object_get_boolean_member (backend, "software")) {
    g_test_skip ("no software rasteriser on this machine");
    return;
  }
  g_assert_false (json_object_get_boolean_member (backend, "automatic"));
  g_assert_nonnull (
      strstr (json_object_get_string_member (backend, "left_out"), "software rasteriser"));
  g_setenv ("GONIO_GL_SOFTWARE", "1", TRUE);
  backend = find_backend (run_doctor ("doctor --json", welcome), "gl-compute");
  g_assert_true (json_object_get_boolean_member (backend, "automatic"));
  g_unsetenv ("GONIO_GL_SOFTWARE");
}

static void
test_names (void)
{
  static const char *const software[] = {
      "llvmpipe (LLVM 15.0.6, 256 bits)", "softpipe", "Google SwiftShader",
      "D3D12 (Microsoft Basic Render Driver)", "virgl (LLVMPIPE (LLVM 15.0.6, 256 bits))"};
  static const char *const cards[] = {"Mesa Intel(R) UHD Graphics 620 (KBL GT2)",
                                      "AMD Radeon Graphics (renoir, LLVM 15.0.6, DRM 3.49)",
                                      "NVIDIA GeForce RTX 3060/PCIe/SSE2", "Mali-G52"};
  for (guint i = 0; i < G_N_ELEMENTS (software); i++)
    g_assert_true (gonio_gl_is_software (software[i]));
  for (guint i = 0; i < G_N_ELEMENTS (cards); i++)
    g_assert_false (gonio_gl_is_software (cards[i]));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_assert_cmpint (argc, >, 1);
  cli_start (argv[1]);
  g_autofree char *cache = cli_path ("cache");
  g_setenv ("XDG_CACHE_HOME", cache, TRUE);
  g_test_add_func ("/gl-choice/names", test_names);
  g_test_add_func ("/gl-choice/doctor", test_doctor);
  g_test_add_func ("/gl-choice/automatic", test_automatic);
  int result = g_test_run ();
  cli_end ();
  return result;
}
