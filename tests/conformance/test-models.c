/* Whole models below $GONIO_TEST_DATA/onnx-models that do not come as ONNX backend tests:
 * those with .npz references must match them, those without must give the same on every
 * backend. Usage: test-models BACKENDS LIST; a list line is "MODEL reason" for models that
 * cannot run yet; one that does run must leave the list.
 */
#include "core/base/error.h"
#include "tests/support/model-run.h"
#include "tests/support/npz.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* References were computed by other programs in float32. */
#define MAX_ERROR 1e-3
#define MAX_DEPTH 12

typedef struct {
  const char *root;
  const char *backends;
  GHashTable *expected; /* model -> reason */
  guint passed, listed, problems;
} Run;

static void
report (Run *run, const char *model, const char *failure)
{
  const char *reason = g_hash_table_lookup (run->expected, model);
  if (failure == NULL && reason == NULL) {
    run->passed++;
  } else if (failure != NULL && reason != NULL) {
    run->listed++;
    g_print ("as expected: %s: %s\n", model, failure);
  } else {
    run->problems++;
    g_print ("%s: %s\n", model, failure != NULL ? failure : "runs although it is listed");
  }
}

static GonioSession *
open_model (const char *path, const char *backends, GError **error)
{
  GonioSessionOptions options;
  g_autofree const GonioBackendDef **list = NULL;
  if (!gonio_model_options (backends, &options, &list, error))
    return NULL;
  return gonio_session_new_from_file (path, &options, NULL, error);
}

/* ---- .npz references ---- */

/* The array of the output's name; without one, that of its position. */
static const GonioTensor *
reference_of (const char *port, guint i, const GPtrArray *names, const GPtrArray *wanted)
{
  for (guint k = 0; k < names->len; k++)
    if (g_str_equal (g_ptr_array_index (names, k), port))
      return g_ptr_array_index (wanted, k);
  return g_ptr_array_index (wanted, i);
}

/* A model may leave out the gradient of its loss although the references hold one: what it gives
 * is for 1, and the references are that many times as much. */
static double
loss_gradient (GonioSession *session, const GPtrArray *names, const GPtrArray *inputs)
{
  guint n_ports;
  gonio_session_inputs (session, &n_ports);
  for (guint i = n_ports; i < names->len; i++)
    if (g_str_equal (g_ptr_array_index (names, i), "loss_grad"))
      return gonio_tensor_get_double (g_ptr_array_index (inputs, i), 0);
  return 1;
}

static GonioTensor *
divided (const GonioTensor *tensor, double by)
{
  GonioTensor *result = gonio_tensor_new (GONIO_DTYPE_FLOAT, gonio_tensor_shape (tensor), NULL);
  float *data = gonio_tensor_writable_data (result);
  for (int64_t i = 0; i < gonio_tensor_count (tensor); i++)
    data[i] = (float)(gonio_tensor_get_double (tensor, i) / by);
  return result;
}

static char *
compare_npz (const char *path, const char *dir, const char *backends)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *in_path = g_build_filename (dir, "inputs.npz", NULL);
  g_autofree char *out_path = g_build_filename (dir, "outputs.npz", NULL);
  g_autoptr (GonioSession) session = open_model (path, backends, &error);
  g_autoptr (GPtrArray) names = NULL, in_names = NULL;
  g_autoptr (GPtrArray) inputs =
      session != NULL ? gonio_npz_load (in_path, &in_names, &error) : NULL;
  g_autoptr (GPtrArray) wanted = inputs != NULL ? gonio_npz_load (out_path, &names, &error) : NULL;
  GonioTensor **outputs = NULL;
  if (wanted == NULL || !gonio_model_run_positional (session, inputs, &outputs, &error))
    return g_strdup (error->message);
  guint n;
  const GonioPort *ports = gonio_session_outputs (session, &n);
  double gradient = loss_gradient (session, in_names, inputs);
  char *failure = NULL;
  for (guint i = 0; i < MIN (n, wanted->len) && failure == NULL; i++) {
    const GonioTensor *reference = reference_of (ports[i].name, i, names, wanted);
    g_autoptr (GonioTensor) scaled = gradient != 1 ? divided (reference, gradient) : NULL;
    double off = gonio_model_error (outputs[i], scaled != NULL ? scaled : reference);
    if (!(off <= MAX_ERROR))
      failure = g_strdup_printf ("output %u is off by %.3g of the largest magnitude", i, off);
  }
  gonio_session_free_outputs (outputs, n);
  return failure;
}

static void
walk_npz (Run *run, const char *dir, guint depth)
{
  g_autofree char *model = g_build_filename (dir, "network.onnx", NULL);
  g_autofree char *inputs = g_build_filename (dir, "inputs.npz", NULL);
  if (g_file_test (model, G_FILE_TEST_EXISTS) && g_file_test (inputs, G_FILE_TEST_EXISTS)) {
    g_autofree char *failure = compare_npz (model, dir, run->backends);
    report (run, dir + strlen (run->root) + 1, failure);
    return;
  }
  g_autoptr (GDir) handle = g_dir_open (dir, 0, NULL);
  const char *name;
  while (handle != NULL && depth < MAX_DEPTH && (name = g_dir_read_name (handle)) != NULL) {
    g_autofree char *path = g_build_filename (dir, name, NULL);
    if (g_file_test (path, G_FILE_TEST_IS_DIR))
      walk_npz (run, path, depth + 1);
  }
}

/* ---- models without references ---- */

static const char *const unreferenced[] = {
    "ShiqiYu+libfacedetection.train/onnx/yunet_n_320_320.onnx",
    "ShiqiYu+libfacedetection.train/onnx/yunet_n_640_640.onnx",
    "ShiqiYu+libfacedetection.train/onnx/yunet_n_dynamic.onnx",
    "ShiqiYu+libfacedetection.train/onnx/yunet_s_320_320.onnx",
    "ShiqiYu+libfacedetection.train/onnx/yunet_s_640_640.onnx",
    "ShiqiYu+libfacedetection.train/onnx/yunet_s_dynamic.onnx",
    "Linzaer+Ultra-Light-Fast-Generic-Face-Detector-1MB/models/onnx/version-RFB-320.onnx",
    "Linzaer+Ultra-Light-Fast-Generic-Face-Detector-1MB/models/onnx/"
    "version-RFB-320_simplified.onnx",
    "Linzaer+Ultra-Light-Fast-Generic-Face-Detector-1MB/models/onnx/version-slim-320.onnx",
    "Linzaer+Ultra-Light-Fast-Generic-Face-Detector-1MB/models/onnx/"
    "version-slim-320_simplified.onnx",
    "Kazuhito00+YOLOX-ONNX-TFLite-Sample/model/yolox_nano.onnx",
};

/* Pixels in 0..255 of a smooth picture; free dimensions: batch 1, space 224. */
static GPtrArray *
make_pictures (GonioSession *session)
{
  GPtrArray *inputs = g_ptr_array_new_with_free_func ((GDestroyNotify)gonio_tensor_unref);
  guint n;
  const GonioPort *ports = gonio_session_inputs (session, &n);
  for (guint i = 0; i < n; i++) {
    GonioShape shape = {.rank = ports[i].shape.rank};
    for (int d = 0; d < shape.rank; d++)
      shape.dims[d] = ports[i].shape.dims[d].value >= 0 ? ports[i].shape.dims[d].value
                      : d < 2                           ? 1
                                                        : 224;
    GonioTensor *tensor = gonio_tensor_new (GONIO_DTYPE_FLOAT, &shape, NULL);
    float *data = gonio_tensor_writable_data (tensor);
    for (int64_t k = 0; k < gonio_tensor_count (tensor); k++)
      data[k] = 127.5f + 127.5f * sinf ((float)k * 0.013f);
    g_ptr_array_add (inputs, tensor);
  }
  return inputs;
}

static char *
compare_backends (const char *path, const char *backends)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GonioSession) session = open_model (path, backends, &error);
  g_autoptr (GonioSession) oracle = session ? open_model (path, "reference", &error) : NULL;
  if (oracle == NULL)
    return g_strdup (error->message);
  g_autoptr (GPtrArray) inputs = make_pictures (session);
  GonioTensor **got = NULL, **wanted = NULL;
  char *failure = NULL;
  guint n;
  const GonioPort *ports = gonio_session_outputs (session, &n);
  if (!gonio_model_run_positional (session, inputs, &got, &error) ||
      !gonio_model_run_positional (oracle, inputs, &wanted, &error))
    failure = g_strdup (error->message);
  for (guint i = 0; i < n && failure == NULL; i++) {
    double off = gonio_model_error (got[i], wanted[i]);
    if (!(off <= 1e-4))
      failure = g_strdup_printf ("'%s' differs by %.3g between %s and reference", ports[i].name,
                                 off, backends);
  }
  gonio_session_free_outputs (got, n);
  gonio_session_free_outputs (wanted, n);
  return failure;
}

static gboolean
read_list (const char *path, GHashTable *expected, GError **error)
{
  g_autofree char *text = NULL;
  if (!g_file_get_contents (path, &text, NULL, error))
    return FALSE;
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  for (guint i = 0; lines[i] != NULL; i++) {
    char *line = g_strstrip (lines[i]), *space = strpbrk (line, " \t");
    if (*line == '#' || space == NULL)
      continue;
    char *reason = g_strdup (g_strchug (space));
    *space = '\0';
    g_hash_table_insert (expected, g_strdup (line), reason);
  }
  return TRUE;
}

int
main (int argc, char **argv)
{
  const char *data = g_getenv ("GONIO_TEST_DATA");
  if (argc != 3) {
    g_printerr ("usage: test-models BACKENDS LIST\n");
    return 2;
  }
  if (data == NULL) {
    g_print ("# SKIP-ALL GONIO_TEST_DATA is not set\n");
    return 0;
  }
  g_autoptr (GError) error = NULL;
  g_autofree char *root = g_build_filename (data, "onnx-models", NULL);
  g_autoptr (GHashTable) expected = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  if (!read_list (argv[2], expected, &error)) {
    g_printerr ("%s\n", error->message);
    return 1;
  }
  Run run = {.root = root, .backends = argv[1], .expected = expected};
  walk_npz (&run, root, 0);
  for (guint i = 0; i < G_N_ELEMENTS (unreferenced); i++) {
    g_autofree char *path = g_build_filename (root, unreferenced[i], NULL);
    g_autofree char *failure = compare_backends (path, argv[1]);
    report (&run, unreferenced[i], failure);
  }
  g_print ("%u passed, %u cannot run as listed, %u surprises\n", run.passed, run.listed,
           run.problems);
  return run.passed > 0 && run.problems == 0 ? 0 : 1;
}
