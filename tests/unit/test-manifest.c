/* Model manifests: what is read, what is refused and in which words, and the ports check. */
#include "core/base/error.h"
#include "core/models/manifest.h"

#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

static const char good[] =
    "{\"format\":1,\"id\":\"foot\",\"version\":\"1.0.0\",\"task\":\"landmarks\","
    "\"file\":\"model.onnx\",\"size\":11,"
    "\"sha256\":\"b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9\","
    "\"license\":\"Apache-2.0\",\"metrics\":{\"any\":[1,2]},"
    "\"input\":{\"name\":\"image\",\"channels\":1,\"width\":256,\"height\":128,"
    "\"resize\":\"letterbox\",\"pad\":0,\"range\":[0,1],\"mean\":[0],\"std\":[1],"
    "\"polarity\":\"bone-white\"},"
    "\"output\":{\"kind\":\"heatmap\",\"tensor\":\"heatmap\",\"stride\":2,"
    "\"decode\":\"soft-argmax\",\"radius\":5,\"sigma_scale\":1.1},\"present_threshold\":0.5,"
    "\"min_confidence\":0.35,\"confidence\":[[0,0],[0.5,0.8],[1,1]],"
    "\"landmarks\":[\"a\",\"b\",\"c\"],\"flip_pairs\":[[\"a\",\"b\"]],\"views\":[\"foot-dp\"],"
    "\"canonical_side\":null,"
    "\"refine\":{\"groups\":[[\"a\",\"c\"],[\"b\"]],\"extent\":1.5,\"passes\":2}}";

static GonioManifest *
load_text (const char *text, const char *folder, GError **error)
{
  g_autoptr (GBytes) bytes = g_bytes_new (text, strlen (text));
  return gonio_manifest_load_bytes (bytes, "m.json", folder, error);
}

static void
test_good (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GonioManifest) m = load_text (good, "/models/foot", &error);
  g_assert_no_error (error);
  g_assert_cmpstr (m->model_path, ==, "/models/foot/model.onnx");
  g_assert_cmpuint (m->n_landmarks, ==, 3);
  g_assert_cmpuint (m->n_flip_pairs, ==, 1);
  g_assert_cmpuint (m->flip_pairs[0][1], ==, 1);
  g_assert_cmpuint (m->refine.n_groups, ==, 2);
  g_assert_cmpuint (m->refine.groups[0][1], ==, 2);
  g_assert_cmpuint (m->refine.passes, ==, 2);
  g_assert_cmpint (m->input.polarity, ==, GONIO_POLARITY_BONE_WHITE);
  g_assert_true (m->output.score_mass);
  static const double curve[][2] = {{-1, 0},     {0, 0}, {0.25, 0.4}, {0.5, 0.8},
                                    {0.75, 0.9}, {1, 1}, {7, 1}};
  for (guint i = 0; i < G_N_ELEMENTS (curve); i++)
    g_assert_cmpfloat_with_epsilon (gonio_manifest_calibrate (m, curve[i][0]), curve[i][1], 1e-9);
  g_assert_cmpfloat (gonio_manifest_calibrate (m, NAN), ==, 0);
}

static const struct {
  const char *piece, *instead, *words;
} broken[] = {
    {"\"format\":1", "\"format\":3", "m.json: format: 3 is outside 1 to 1"},
    {"\"task\":\"landmarks\"", "\"task\":\"guess\"", "m.json: task: \"guess\" is not one of"},
    {"\"file\":\"model.onnx\"", "\"file\":\"../model.onnx\"", "m.json: file: the bare name"},
    {"\"file\":\"model.onnx\"", "\"file\":\"/etc/passwd\"", "m.json: file: the bare name"},
    {"\"size\":11", "\"size\":-1", "m.json: size: -1 is outside"},
    {"\"sha256\":\"b9", "\"sha256\":\"zz", "m.json: sha256: 64 hexadecimal digits"},
    {"\"license\":\"Apache-2.0\",", "", "m.json: license: this field is missing"},
    {"\"channels\":1", "\"channels\":2", "m.json: input"},
    {"\"width\":256", "\"width\":100000", "m.json: input.width: 100000 is outside"},
    {"\"range\":[0,1]", "\"range\":[1,0]", "m.json: input: range: black must be below white"},
    {"\"mean\":[0]", "\"mean\":[0,0]", "m.json: input.mean: 1 elements are expected"},
    {"\"std\":[1]", "\"std\":[0]", "m.json: input: std: 0 is not allowed"},
    {"\"std\":[1]", "\"std\":[\"1\"]", "m.json: input.std[0]: a number"},
    {"\"resize\":\"letterbox\"", "\"resize\":\"fit\"", "m.json: input.resize: \"fit\""},
    {"\"kind\":\"heatmap\"", "\"kind\":\"yolo\"", "m.json: output.kind: \"yolo\" is not one of"},
    {"\"kind\":\"heatmap\"", "\"kind\":\"logits\"", "m.json: output: unknown field \"stride\""},
    {"\"sigma_scale\":1.1", "\"sigma_scale\":[1,2]", "output.sigma_scale: 2 numbers for 3"},
    {"\"sigma_scale\":1.1", "\"sigma_scale\":[1,2,-3]", "sigma_scale[2]: a number from 0"},
    {"\"stride\":2,", "", "m.json: output.stride: this field is missing"},
    {"\"confidence\":[[0,0],[0.5,0.8],[1,1]]", "\"confidence\":[[0,0],[0,1]]",
     "m.json: confidence[1]: a pair"},
    {"\"confidence\":[[0,0],[0.5,0.8],[1,1]]", "\"confidence\":[[0,0],7]", "confidence[1]"},
    {"\"landmarks\":[\"a\",\"b\",\"c\"]", "\"landmarks\":[\"a\",\"b\",\"b\"]",
     "m.json: landmarks: \"b\" is listed twice"},
    {"[[\"a\",\"b\"]]", "[[\"a\"]]", "m.json: flip_pairs[0]: an array of 2 to 2"},
    {"[[\"a\",\"b\"]]", "[[\"a\",\"z\"]]", "m.json: flip_pairs[0][1]: \"z\" is not one of"},
    {"[[\"a\",\"c\"],[\"b\"]]", "[[\"a\",\"q\"],[\"b\"]]",
     "m.json: refine.groups[0][1]: \"q\" is not one of the landmarks"},
    {"[[\"a\",\"c\"],[\"b\"]]", "[[],[\"b\"]]", "m.json: refine.groups[0]: an array of 1 to 3"},
    {"\"passes\":2", "\"passes\":99", "m.json: refine.passes: 99 is outside"},
    {"\"views\":[\"foot-dp\"],", "", "m.json: views: this field is missing"},
    {"\"license\"", "\"licence\"", "m.json: unknown field \"licence\""},
};

static void
test_errors (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (broken); i++) {
    g_auto (GStrv) parts = g_strsplit (good, broken[i].piece, 2);
    g_assert_cmpuint (g_strv_length (parts), ==, 2);
    g_autofree char *text = g_strconcat (parts[0], broken[i].instead, parts[1], NULL);
    g_autoptr (GError) error = NULL;
    g_assert_null (load_text (text, "/m", &error));
    g_assert_error (error, GONIO_MODEL_ERROR, GONIO_MODEL_ERROR_MANIFEST);
    if (strstr (error->message, broken[i].words) == NULL)
      g_error ("case %u: \"%s\" lacks \"%s\"", i, error->message, broken[i].words);
  }
}

static void
test_damage (void)
{
  size_t size = strlen (good);
  for (int round = 0; round < 4000; round++) {
    g_autofree char *copy = g_strdup (good);
    for (int k = g_test_rand_int_range (0, 6); k > 0; k--)
      copy[g_test_rand_int_range (0, (int)size)] =
          "{}[],:\"0a-e\xff"[g_test_rand_int_range (0, 12)];
    if (round % 5 == 0)
      copy[g_test_rand_int_range (0, (int)size)] = '\0';
    g_autoptr (GError) error = NULL;
    g_autoptr (GonioManifest) m = load_text (copy, "/m", &error);
    g_assert_true ((m == NULL) == (error != NULL));
  }
}

static void
test_verify (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *folder = g_dir_make_tmp ("gonio-manifest-XXXXXX", &error);
  g_assert_no_error (error);
  g_autofree char *path = g_build_filename (folder, "model.onnx", NULL);
  g_autoptr (GonioManifest) m = load_text (good, folder, &error);
  g_assert_no_error (error);

  g_assert_false (gonio_manifest_verify (m, NULL, &error));
  g_assert_error (error, GONIO_MODEL_ERROR, GONIO_MODEL_ERROR_CHECKSUM);
  g_clear_error (&error);
  g_assert_true (g_file_set_contents (path, "hello world", -1, NULL));
  g_assert_true (gonio_manifest_verify (m, NULL, &error));
  g_assert_no_error (error);
  g_assert_true (g_file_set_contents (path, "hello worle", -1, NULL));
  g_assert_false (gonio_manifest_verify (m, NULL, &error));
  g_assert_nonnull (strstr (error->message, "SHA-256"));
  g_clear_error (&error);
  g_assert_true (g_file_set_contents (path, "hello", -1, NULL));
  g_assert_false (gonio_manifest_verify (m, NULL, &error));
  g_assert_nonnull (strstr (error->message, "has 5 bytes, its manifest says 11"));
  g_unlink (path);
  g_rmdir (folder);
}

static GonioPort
port (const char *name, GonioDType dtype, int rank, const int64_t *dims)
{
  GonioPort p = {.name = name, .kind = GONIO_KIND_TENSOR, .dtype = dtype};
  p.shape.has_rank = TRUE;
  p.shape.rank = rank;
  for (int i = 0; i < rank; i++)
    p.shape.dims[i] = GONIO_DIM (dims[i]);
  return p;
}

static void
test_ports (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GonioManifest) m = load_text (good, "/m", &error);
  g_assert_no_error (error);
  static const struct {
    const char *in, *out;
    GonioDType dtype;
    int in_rank;
    int64_t in_dims[4], out_dims[4];
    const char *words; /* NULL: fits */
  } cases[] = {
      {"image", "heatmap", GONIO_DTYPE_FLOAT, 4, {1, 1, 128, 256}, {1, 3, 64, 128}, NULL},
      {"image", "heatmap", GONIO_DTYPE_FLOAT, 4, {-1, 1, -1, -1}, {-1, 3, -1, -1}, NULL},
      {"picture",
       "heatmap",
       GONIO_DTYPE_FLOAT,
       4,
       {1, 1, 128, 256},
       {1, 3, 64, 128},
       "the manifest names the input \"image\", the network has \"picture\""},
      {"image",
       "map",
       GONIO_DTYPE_FLOAT,
       4,
       {1, 1, 128, 256},
       {1, 3, 64, 128},
       "the manifest names the output \"heatmap\", the network has \"map\""},
      {"image",
       "heatmap",
       GONIO_DTYPE_FLOAT,
       4,
       {1, 3, 128, 256},
       {1, 3, 64, 128},
       "float [1,3,128,256], the manifest says float [1,1,128,256]"},
      {"image",
       "heatmap",
       GONIO_DTYPE_FLOAT,
       4,
       {1, 1, 128, 256},
       {1, 10, 64, 128},
       "float [1,10,64,128], the manifest says float [1,3,64,128]"},
      {"image", "heatmap", GONIO_DTYPE_INT64, 4, {1, 1, 128, 256}, {1, 3, 64, 128}, "int64"},
      {"image", "heatmap", GONIO_DTYPE_FLOAT, 3, {1, 128, 256, 0}, {1, 3, 64, 128}, "[1,128,256]"},
  };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    GonioPort in = port (cases[i].in, cases[i].dtype, cases[i].in_rank, cases[i].in_dims);
    GonioPort out = port (cases[i].out, GONIO_DTYPE_FLOAT, 4, cases[i].out_dims);
    g_clear_error (&error);
    gboolean fits = gonio_manifest_check_ports (m, &in, 1, &out, 1, &error);
    g_assert_cmpint (fits, ==, cases[i].words == NULL);
    if (cases[i].words == NULL)
      continue;
    g_assert_error (error, GONIO_MODEL_ERROR, GONIO_MODEL_ERROR_MISMATCH);
    if (strstr (error->message, cases[i].words) == NULL)
      g_error ("case %u: \"%s\" lacks \"%s\"", i, error->message, cases[i].words);
  }
}

/* Every manifest that ships is good and its file is what it says. */
static void
test_shipped (void)
{
  g_autoptr (GDir) dir = g_dir_open (GONIO_SOURCE_DIR "/resources/models", 0, NULL);
  g_assert_nonnull (dir);
  guint n = 0;
  for (const char *name = g_dir_read_name (dir); name != NULL; name = g_dir_read_name (dir)) {
    g_autofree char *path =
        g_build_filename (GONIO_SOURCE_DIR "/resources/models", name, "manifest.json", NULL);
    if (!g_file_test (path, G_FILE_TEST_EXISTS))
      continue;
    g_autoptr (GError) error = NULL;
    g_autoptr (GonioManifest) m = gonio_manifest_load (path, &error);
    g_assert_no_error (error);
    g_assert_cmpstr (m->id, ==, name);
    gonio_manifest_verify (m, NULL, &error);
    g_assert_no_error (error);
    n++;
  }
  g_assert_cmpuint (n, >, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/manifest/good", test_good);
  g_test_add_func ("/manifest/errors", test_errors);
  g_test_add_func ("/manifest/damage", test_damage);
  g_test_add_func ("/manifest/verify", test_verify);
  g_test_add_func ("/manifest/ports", test_ports);
  g_test_add_func ("/manifest/shipped", test_shipped);
  return g_test_run ();
}
