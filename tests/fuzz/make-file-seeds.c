/* Writes the seeds of fuzz-external and fuzz-tensor-file below a folder of seeds. */
#include "tests/support/onnx-writer.h"

#include <stdio.h>
#include <string.h>

static const float numbers[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
static const char *folder;

static void
save (const char *name, const void *data, gsize size)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);
  g_autofree char *parent = g_path_get_dirname (path);
  g_autoptr (GError) error = NULL;

  g_mkdir_with_parents (parent, 0777);
  if (!g_file_set_contents (path, data, (gssize)size, &error))
    fprintf (stderr, "%s\n", error->message);
}

static void
save_message (const char *name, GByteArray *message)
{
  save (name, message->data, message->len);
  g_byte_array_unref (message);
}

/* ---- fuzz-external: 1 the model, 2 files {1 name, 2 contents, 3 kind} ---- */

/* y = x + w, w of 4 floats in a file. Nullable: offset, length. */
static GByteArray *
model (const char *location, const char *offset, const char *length)
{
  const char *const pairs[][2] = {{"location", location}, {"offset", offset}, {"length", length}};
  GByteArray *graph = onnx_graph ("g"), *w = onnx_tensor ("w", ONNX_FLOAT, NULL, 0, 4, -1);

  for (guint i = 0; i < G_N_ELEMENTS (pairs); i++) {
    GByteArray *pair = g_byte_array_new ();
    pb_text (pair, 1, pairs[i][0]);
    pb_text (pair, 2, pairs[i][1] ? pairs[i][1] : "");
    if (pairs[i][1])
      pb_message (w, 13, pair);
    else
      g_byte_array_unref (pair);
  }
  pb_int (w, 14, 1);
  onnx_graph_init (graph, w);
  onnx_graph_input (graph, "x", ONNX_FLOAT, "4");
  onnx_graph_node (graph, onnx_node ("Add", "x w", "y"));
  onnx_graph_output (graph, "y");
  return onnx_model (graph, 17);
}

static GByteArray *
with_file (GByteArray *of, const char *name, gsize size, const char *target, int kind)
{
  GByteArray *all = g_byte_array_new (), *file = g_byte_array_new ();

  pb_message (all, 1, of);
  pb_text (file, 1, name);
  pb_bytes (file, 2, target ? (const void *)target : numbers, target ? strlen (target) : size);
  pb_int (file, 3, kind);
  pb_message (all, 2, file);
  return all;
}

static void
external (void)
{
  static const struct {
    const char *seed, *location, *offset, *length, *file;
    gsize size;
    const char *target;
    int kind;
  } rows[] = {
      {"plain", "w.bin", NULL, NULL, "w.bin", 16, NULL, 0},
      {"offset", "w.bin", "32", "16", "w.bin", 64, NULL, 0},
      {"short", "w.bin", "8", "16", "w.bin", 16, NULL, 0},
      {"far", "w.bin", "18446744073709551600", "16", "w.bin", 16, NULL, 0},
      {"up", "../data.bin", NULL, NULL, "w.bin", 16, NULL, 0},
      {"up-again", "./../around/data.bin", NULL, NULL, "w.bin", 16, NULL, 0},
      {"through-folder", "sub/../../around/data.bin", NULL, NULL, "sub", 0, "", 5},
      {"name-goes-on", "../model2/data.bin", NULL, NULL, "w.bin", 16, NULL, 0},
      {"absolute", "/@@/@@@@@@@@@@@@@@@@@/around/data.bin", NULL, NULL, "w.bin", 16, NULL, 0},
      {"link-inside", "w.bin", NULL, NULL, "w.bin", 0, "other.bin", 1},
      {"link-up", "w.bin", NULL, NULL, "w.bin", 0, "", 2},
      {"link-absolute", "w.bin", NULL, NULL, "w.bin", 0, "", 3},
      {"link-folder", "sub/data.bin", NULL, NULL, "sub", 0, "", 4},
      {"folder", "w.bin", NULL, NULL, "w.bin", 0, "", 5},
      {"pipe", "w.bin", NULL, NULL, "w.bin", 0, "", 6},
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_autofree char *name = g_strdup_printf ("external/%s.pb", rows[i].seed);
    save_message (name, with_file (model (rows[i].location, rows[i].offset, rows[i].length),
                                   rows[i].file, rows[i].size, rows[i].target, rows[i].kind));
  }
}

/* ---- fuzz-tensor-file ---- */

static void
npy (const char *name, int version, const char *header, gsize size)
{
  g_autoptr (GByteArray) out = g_byte_array_new ();
  gsize length = strlen (header);
  guint8 start[12] = {
      0x93, 'N', 'U', 'M', 'P', 'Y', (guint8)version, 0, (guint8)length, (guint8)(length >> 8)};

  g_byte_array_append (out, start, version == 1 ? 10 : 12);
  g_byte_array_append (out, (const guint8 *)header, (guint)length);
  g_byte_array_append (out, (const guint8 *)numbers, (guint)size);
  save (name, out->data, out->len);
}

static void
tensor_files (void)
{
  const gint64 ints[3] = {-1, 0, 5};
  GByteArray *typed = onnx_tensor ("t", ONNX_FLOAT, NULL, 0, 2, -1), *texts = NULL;
  GByteArray *sequence = g_byte_array_new (), *optional = g_byte_array_new ();

  npy ("tensor-file/float.npy", 1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n",
       24);
  npy ("tensor-file/fortran.npy", 2, "{'descr': '<i2', 'fortran_order': True, 'shape': (2, 3), }\n",
       12);
  npy ("tensor-file/text.npy", 3, "{'descr': '<U2', 'fortran_order': False, 'shape': (2,), }\n",
       16);
  npy ("tensor-file/scalar.npy", 1, "{'descr': '|b1', 'fortran_order': False, 'shape': (), }\n", 1);
  npy ("tensor-file/empty.npy", 1, "{'descr': '<c8', 'fortran_order': False, 'shape': (0, 4), }\n",
       0);
  save_message ("tensor-file/raw.pb", onnx_tensor ("r", ONNX_FLOAT, numbers, 16, 2, 2, -1));
  save_message ("tensor-file/ints.pb", onnx_tensor_ints ("i", 3, ints));
  save_message ("tensor-file/packed4.pb", onnx_tensor ("p", 22, "\x21\x43", 2, 3, -1));
  save_message ("tensor-file/float8.pb", onnx_tensor ("f", 17, "\x38\x7f\x80", 3, 3, -1));
  pb_float (typed, 4, 1);
  pb_float (typed, 4, 2);
  save_message ("tensor-file/typed.pb", typed);
  texts = onnx_tensor ("s", ONNX_STRING, NULL, 0, 2, -1);
  pb_text (texts, 6, "a");
  pb_text (texts, 6, "\xc3\xa9");
  save_message ("tensor-file/texts.pb", texts);
  pb_int (sequence, 2, 1);
  pb_message (sequence, 3, onnx_tensor_floats ("a", 2, numbers));
  pb_message (sequence, 3, onnx_tensor_floats ("b", 3, numbers));
  save_message ("tensor-file/sequence.pb", sequence);
  pb_int (optional, 2, 1);
  pb_message (optional, 3, onnx_tensor_floats ("a", 2, numbers));
  save_message ("tensor-file/optional.pb", optional);
}

int
main (int argc, char **argv)
{
  if (argc != 2) {
    fprintf (stderr, "usage: %s FOLDER\n", argv[0]);
    return 2;
  }
  folder = argv[1];
  external ();
  tensor_files ();
  return 0;
}
