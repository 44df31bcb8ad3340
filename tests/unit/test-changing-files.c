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

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/changing-files/cut-model", test_cut_model);
  g_test_add_func ("/changing-files/cut-weights", test_cut_weights);
  g_test_add_func ("/changing-files/changed-numbers", test_changed_numbers);
  return g_test_run ();
}
