/* Files that another program cuts short or changes while they are loaded: a model or an error,
 * never more. What is read is what was checked, and nothing lies beyond an end that has moved. */
#include "core/base/error.h"
#include "core/onnx/load.h"
#include "tests/support/model-parts.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#define PAYLOAD  ((gsize)4 << 20)
#define DURATION (300 * G_TIME_SPAN_MILLISECOND)
#define AT_MOST  (20 * G_TIME_SPAN_SECOND) /* until the file was once met when it was not whole */

/* ---- the other program ---- */

typedef struct {
  int fd;
  GByteArray *whole;     /* what the file holds in the end */
  gsize at;              /* where the payload begins; cut there */
  const guint8 *payload; /* nullable: instead of cutting, what is put there for a while */
  gint stop;
} Meddler;

static void
put (const Meddler *m, const guint8 *data, gsize at, gsize size)
{
  g_assert_cmpint (pwrite (m->fd, data, size, (off_t)at), ==, (gssize)size);
}

static gpointer
meddle (gpointer data)
{
  Meddler *m = data;

  while (!g_atomic_int_get (&m->stop)) {
    if (m->payload)
      put (m, m->payload, m->at, PAYLOAD);
    else
      g_assert_cmpint (ftruncate (m->fd, (off_t)m->at), ==, 0);
    g_usleep (m->payload ? 2000 : 200);
    put (m, m->whole->data + m->at, m->at, m->whole->len - m->at);
    g_usleep (2000);
  }
  return NULL;
}

/* Loads the model over and over while the file is meddled with, and once more when it is whole. */
static void
load_while (Meddler *m, const char *model, const char *file)
{
  guint loaded = 0, refused = 0;
  g_autoptr (GError) error = NULL;

  m->fd = g_open (file, O_RDWR | O_CLOEXEC, 0);
  g_assert_cmpint (m->fd, >=, 0);
  GThread *thread = g_thread_new ("meddler", meddle, m);
  gint64 start = g_get_monotonic_time (), elapsed = 0;
  for (; elapsed < DURATION || (refused == 0 && elapsed < AT_MOST);
       elapsed = g_get_monotonic_time () - start) {
    g_autoptr (GError) broken = NULL;
    g_autoptr (GonioGraph) graph = gonio_onnx_load_file (model, NULL, &broken);

    loaded += graph != NULL;
    refused += graph == NULL;
    if (graph == NULL)
      g_assert_true (broken->domain == GONIO_LOAD_ERROR);
  }
  g_atomic_int_set (&m->stop, 1);
  g_thread_join (thread);
  g_assert_true (g_close (m->fd, NULL));
  g_test_message ("%u times loaded, %u times refused", loaded, refused);
  g_assert_cmpuint (refused, >, 0);
  g_autoptr (GonioGraph) graph = gonio_onnx_load_file (model, NULL, &error);
  g_assert_no_error (error);
  g_assert_nonnull (graph);
}

/* ---- models ---- */

static GByteArray *
model_of (GByteArray *tensor)
{
  GByteArray *graph = onnx_graph ("g");

  onnx_graph_init (graph, tensor);
  parts_node (graph, "Identity", "w", "y", NULL);
  parts_outputs (graph, "y");
  return onnx_model (graph, 17);
}

/* Where the payload, which is unlike anything else, begins in a file. */
static gsize
find (const GByteArray *file, const guint8 *payload)
{
  const guint8 *at = memmem (file->data, file->len, payload, PAYLOAD);

  g_assert_nonnull (at);
  return (gsize)(at - file->data);
}

typedef struct {
  char *dir, *model, *weights;
} Files;

static void
files_clear (Files *f)
{
  g_unlink (f->model);
  g_unlink (f->weights);
  g_rmdir (f->dir);
  g_free (f->dir);
  g_free (f->model);
  g_free (f->weights);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Files, files_clear)

static Files
make_files (void)
{
  char *dir = g_dir_make_tmp ("gonio-changing-XXXXXX", NULL);

  g_assert_nonnull (dir);
  return (Files){dir, g_build_filename (dir, "m.onnx", NULL),
                 g_build_filename (dir, "w.bin", NULL)};
}

static void
save (const char *path, const GByteArray *bytes)
{
  g_assert_true (g_file_set_contents (path, (const char *)bytes->data, (gssize)bytes->len, NULL));
}

/* ---- tests ---- */

static void
test_cut_model (void)
{
  g_auto (Files) files = make_files ();
  g_autofree guint8 *payload = g_malloc (PAYLOAD);

  memset (payload, 0x3f, PAYLOAD);
  g_autoptr (GByteArray) whole =
      model_of (onnx_tensor ("w", ONNX_FLOAT, payload, PAYLOAD, (int)(PAYLOAD / 4), -1));
  Meddler m = {.whole = whole, .at = find (whole, payload)};
  save (files.model, whole);
  load_while (&m, files.model, files.model);
}

static void
test_cut_weights (void)
{
  g_auto (Files) files = make_files ();
  GByteArray *tensor = onnx_tensor ("w", ONNX_FLOAT, NULL, 0, (int)(PAYLOAD / 4), -1);
  GByteArray *entry = g_byte_array_new ();
  g_autoptr (GByteArray) whole = g_byte_array_new ();

  pb_text (entry, 1, "location");
  pb_text (entry, 2, "w.bin");
  pb_message (tensor, 13, entry);
  pb_int (tensor, 14, 1);
  g_autoptr (GByteArray) model = model_of (tensor);
  g_byte_array_set_size (whole, PAYLOAD);
  memset (whole->data, 0x3f, PAYLOAD);
  Meddler m = {.whole = whole};
  save (files.model, model);
  save (files.weights, whole);
  load_while (&m, files.model, files.weights);
}

/* Numbers of two bytes each, as many as the tensor has; then of one, twice as many. */
static void
test_changed_numbers (void)
{
  g_auto (Files) files = make_files ();
  GByteArray *tensor = onnx_tensor ("w", ONNX_INT64, NULL, 0, (int)(PAYLOAD / 2), -1);
  g_autofree guint8 *two = g_malloc (PAYLOAD), *one = g_malloc (PAYLOAD);

  memset (one, 1, PAYLOAD);
  for (gsize i = 0; i < PAYLOAD; i++)
    two[i] = i % 2 ? 1 : 0x81;
  pb_bytes (tensor, 7, two, PAYLOAD);
  g_autoptr (GByteArray) whole = model_of (tensor);
  Meddler m = {.whole = whole, .at = find (whole, two), .payload = one};
  save (files.model, whole);
  load_while (&m, files.model, files.model);
}

/* A file that stays as it is gives what its bytes give, wherever a payload lies and in whatever
 * form, although only parts of it are read, some of them again. */
static void
test_unchanged (void)
{
  static const gsize sizes[] = {4, 4096, 16380, 16384, 70000, 12, PAYLOAD, 8};
  g_auto (Files) files = make_files ();
  GByteArray *graph = onnx_graph ("g");
  g_autoptr (GError) error = NULL;
  g_autoptr (GString) outputs = g_string_new (NULL);
  g_autofree guint8 *payload = g_malloc (PAYLOAD);
  g_autoptr (GRand) rand = g_rand_new_with_seed (4);

  for (gsize i = 0; i < 3 * G_N_ELEMENTS (sizes); i++) {
    gsize size = sizes[i % G_N_ELEMENTS (sizes)], form = i / G_N_ELEMENTS (sizes);
    g_autofree char *name = g_strdup_printf ("w%zu", i), *output = g_strdup_printf ("y%zu", i);
    for (gsize at = 0; at < size; at++)
      payload[at] = (guint8)g_rand_int_range (rand, 0, form == 2 ? 128 : 120);
    GByteArray *tensor = form == 0
                             ? onnx_tensor (name, ONNX_FLOAT, payload, size, (int)(size / 4), -1)
                         : form == 1 ? onnx_tensor (name, ONNX_FLOAT, NULL, 0, (int)(size / 4), -1)
                                     : onnx_tensor (name, ONNX_INT64, NULL, 0, (int)size, -1);
    if (form > 0)
      pb_bytes (tensor, form == 1 ? 4 : 7, payload, size);
    onnx_graph_init (graph, tensor);
    parts_node (graph, "Identity", name, output, NULL);
    g_string_append_printf (outputs, "%s%s", i ? " " : "", output);
  }
  parts_outputs (graph, outputs->str);
  GByteArray *whole = onnx_model (graph, 17);
  save (files.model, whole);
  g_autoptr (GBytes) bytes = g_byte_array_free_to_bytes (whole);
  g_autoptr (GonioGraph) expected = gonio_onnx_load_bytes (bytes, NULL, NULL, &error);
  g_assert_no_error (error);
  g_autoptr (GonioGraph) got = gonio_onnx_load_file (files.model, NULL, &error);
  g_assert_no_error (error);
  for (gsize i = 0; i < 3 * G_N_ELEMENTS (sizes); i++) {
    g_autofree char *name = g_strdup_printf ("w%zu", i);
    const GonioTensor *a =
        gonio_graph_value (expected, gonio_graph_find_value (expected, name))->constant;
    const GonioTensor *b = gonio_graph_value (got, gonio_graph_find_value (got, name))->constant;
    g_assert_cmpmem (gonio_tensor_data (a), gonio_tensor_size (a), gonio_tensor_data (b),
                     gonio_tensor_size (b));
  }
}

/* A constant of a function that is called twice is read twice. */
static void
test_read_again (void)
{
  g_auto (Files) files = make_files ();
  GByteArray *graph = onnx_graph ("g"), *opset = g_byte_array_new ();
  GByteArray *function = g_byte_array_new (), *constant = onnx_node ("Constant", "", "c");
  GByteArray *tensor = onnx_tensor ("", ONNX_INT64, NULL, 0, (int)PAYLOAD, -1);
  g_autofree guint8 *payload = g_malloc (PAYLOAD);
  g_autoptr (GError) error = NULL;
  guint found = 0;

  memset (payload, 7, PAYLOAD);
  pb_bytes (tensor, 7, payload, PAYLOAD);
  onnx_node_attr (constant, onnx_attr_tensor ("value", tensor));
  pb_text (function, 1, "f");
  pb_text (function, 5, "c");
  pb_message (function, 7, constant);
  pb_text (opset, 1, "");
  pb_int (opset, 2, 17);
  pb_message (function, 9, opset);
  pb_text (function, 10, "local");
  for (int call = 0; call < 2; call++) {
    GByteArray *node = onnx_node ("f", "", call == 0 ? "y0" : "y1");
    onnx_node_domain (node, "local");
    onnx_graph_node (graph, node);
  }
  parts_outputs (graph, "y0 y1");
  g_autoptr (GByteArray) whole = onnx_model (graph, 17);
  onnx_model_opset (whole, "local", 1);
  pb_message (whole, 25, function);
  save (files.model, whole);
  g_autoptr (GonioGraph) got = gonio_onnx_load_file (files.model, NULL, &error);
  g_assert_no_error (error);
  for (GonioValueId id = 0; id < gonio_graph_n_values (got); id++) {
    const GonioTensor *tensor_of = gonio_graph_value (got, id)->constant;
    for (gsize i = 0; tensor_of && i < PAYLOAD; i++)
      g_assert_cmpint (((const gint64 *)gonio_tensor_data (tensor_of))[i], ==, 7);
    found += tensor_of != NULL;
  }
  g_assert_cmpuint (found, ==, 2);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/changing-files/cut-model", test_cut_model);
  g_test_add_func ("/changing-files/cut-weights", test_cut_weights);
  g_test_add_func ("/changing-files/changed-numbers", test_changed_numbers);
  g_test_add_func ("/changing-files/unchanged", test_unchanged);
  g_test_add_func ("/changing-files/read-again", test_read_again);
  return g_test_run ();
}
