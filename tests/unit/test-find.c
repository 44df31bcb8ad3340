/* core/pipeline/find.c with a network that finds spots: landmark "bright" where the picture is
 * whitest, "dark" where it is blackest, absent where nothing stands out. */
#include "app/backends.h"
#include "core/pipeline/find.h"
#include "tests/support/onnx-writer.h"

#include <glib/gstdio.h>
#include <math.h>

enum { GRID = 64, CELLS = GRID * GRID, SIDE = 640 };
#define GAIN   40.0f
#define ABSENT 33.0f

static char *folder;

/* image -> softmax (GAIN * brightness and the absent bin), once per landmark; a sign of -1 looks
 * for the dark. */
static GByteArray *
spot_network (const float signs[2])
{
  static const gint64 flat[] = {1, 1, CELLS}, square[] = {1, 2, GRID, GRID};
  static const gint64 zero[] = {0}, all[] = {CELLS}, last[] = {2};
  const float gain[] = {signs[0] * GAIN, signs[1] * GAIN};
  const float offset[] = {signs[0] < 0 ? GAIN : 0, signs[1] < 0 ? GAIN : 0};
  const float absent[] = {ABSENT, ABSENT};
  GByteArray *graph = onnx_graph ("spots");
  onnx_graph_input (graph, "image", ONNX_FLOAT, "1 1 64 64");
  onnx_graph_init (graph, onnx_tensor_ints ("flat", 3, flat));
  onnx_graph_init (graph, onnx_tensor_ints ("square", 4, square));
  onnx_graph_init (graph, onnx_tensor_ints ("zero", 1, zero));
  onnx_graph_init (graph, onnx_tensor_ints ("all", 1, all));
  onnx_graph_init (graph, onnx_tensor_ints ("last", 1, last));
  onnx_graph_init (graph, onnx_tensor ("gain", ONNX_FLOAT, gain, sizeof gain, 1, 2, 1, -1));
  onnx_graph_init (graph, onnx_tensor ("offset", ONNX_FLOAT, offset, sizeof offset, 1, 2, 1, -1));
  onnx_graph_init (graph, onnx_tensor ("absent", ONNX_FLOAT, absent, sizeof absent, 1, 2, 1, -1));
  onnx_graph_node (graph, onnx_node ("Reshape", "image flat", "line"));
  onnx_graph_node (graph, onnx_node ("Mul", "line gain", "scaled"));
  onnx_graph_node (graph, onnx_node ("Add", "scaled offset", "here"));
  GByteArray *join = onnx_node ("Concat", "here absent", "logits");
  onnx_node_attr (join, onnx_attr_int ("axis", 2));
  onnx_graph_node (graph, join);
  GByteArray *softmax = onnx_node ("Softmax", "logits", "shares");
  onnx_node_attr (softmax, onnx_attr_int ("axis", 2));
  onnx_graph_node (graph, softmax);
  onnx_graph_node (graph, onnx_node ("Slice", "shares zero all last", "cells"));
  onnx_graph_node (graph, onnx_node ("Reshape", "cells square", "heatmap"));
  onnx_graph_output (graph, "heatmap");
  return onnx_model (graph, 13);
}

static GonioModelStore *
open_spots (const char *id, const float signs[2], const char *groups, const char *more)
{
  g_autofree char *dir = g_build_filename (folder, id, NULL);
  g_autofree char *file = g_build_filename (dir, "model.onnx", NULL);
  g_autofree char *manifest = g_build_filename (dir, "manifest.json", NULL);
  g_autoptr (GByteArray) network = spot_network (signs);
  g_autofree char *sum =
      g_compute_checksum_for_data (G_CHECKSUM_SHA256, network->data, network->len);
  g_autofree char *text = g_strdup_printf (
      "{\"format\":1,\"id\":\"%s\",\"version\":\"1.0.0\",\"task\":\"landmarks\","
      "\"file\":\"model.onnx\",\"size\":%u,\"sha256\":\"%s\",\"license\":\"Apache-2.0\","
      "\"input\":{\"name\":\"image\",\"channels\":1,\"width\":64,\"height\":64,"
      "\"resize\":\"letterbox\",\"pad\":0.5,\"range\":[0,1],\"mean\":[0],\"std\":[1],"
      "\"polarity\":\"any\"},"
      "\"output\":{\"kind\":\"heatmap\",\"tensor\":\"heatmap\",\"stride\":1,"
      "\"decode\":\"soft-argmax\",\"radius\":5},"
      "\"landmarks\":[\"one\",\"two\"],\"views\":[\"spots\"],%s"
      "\"refine\":{\"groups\":%s,\"extent\":1.5,\"floor\":0.1,\"passes\":1}}",
      id, network->len, sum, more, groups);
  g_assert_cmpint (g_mkdir (dir, 0700), ==, 0);
  g_assert_true (g_file_set_contents (file, (const char *)network->data, network->len, NULL));
  g_assert_true (g_file_set_contents (manifest, text, -1, NULL));
  const char *const dirs[] = {folder, NULL};
  GonioModelStore *store = gonio_model_store_new (dirs);
  g_assert_cmpuint (gonio_model_store_problems (store)->len, ==, 0);
  return store;
}

typedef struct {
  int x, y, size; /* square's corner and side, px */
  double value;   /* 0..1 */
} Spot;

/* Grey that falls off towards the edges, with spots; ends with a size of 0. */
static GonioImage *
draw (const Spot *spots)
{
  uint16_t *pixels = g_new (uint16_t, SIDE * SIDE);
  for (int y = 0; y < SIDE; y++)
    for (int x = 0; x < SIDE; x++) {
      double r = hypot (x - SIDE / 2, y - SIDE / 2) / (SIDE / 2);
      double v = 0.5 - 0.04 * r * r;
      for (const Spot *s = spots; s->size > 0; s++)
        if (x >= s->x && x < s->x + s->size && y >= s->y && y < s->y + s->size)
          v = s->value;
      pixels[y * SIDE + x] = (uint16_t)lround (v * 65535);
    }
  const GonioImageInfo info = {0};
  const GonioSpacing spacing = {0};
  return gonio_image_new (GONIO_PIXELS_GREY16, SIDE, SIDE, pixels, &info, &spacing);
}

static void
count_run (G_GNUC_UNUSED double fraction, gpointer data)
{
  ++*(guint *)data;
}

static gboolean
upright_only (G_GNUC_UNUSED gpointer data, guint *out_turns, G_GNUC_UNUSED GError **error)
{
  *out_turns = 1;
  return TRUE;
}

static void
find (GonioModelStore *store, const char *id, const Spot *spots, GonioFind *out, guint *out_runs)
{
  g_autoptr (GonioImage) image = draw (spots);
  GonioModel *model = NULL;
  for (guint i = 0; i < gonio_model_store_models (store)->len; i++) {
    GonioModel *m = gonio_model_store_models (store)->pdata[i];
    if (g_str_equal (gonio_model_manifest (m)->id, id))
      model = m;
  }
  g_assert_nonnull (model);
  GonioWindow full = *gonio_image_window (image);
  full.center = 32768;
  full.width = 65536;
  g_autoptr (GError) error = NULL;
  g_autofree const GonioBackendDef **backends = gonio_backends_parse ("reference", &error);
  g_assert_no_error (error);
  GonioSessionOptions options = GONIO_SESSION_OPTIONS_DEFAULT;
  options.backends = backends;
  const GonioFindRequest request = {.model = model,
                                    .options = &options,
                                    .image = image,
                                    .window = &full,
                                    .turns = upright_only,
                                    .progress = count_run,
                                    .data = out_runs};
  *out_runs = 0;
  gboolean ok = gonio_find_landmarks (&request, NULL, out, &error);
  g_assert_no_error (error);
  g_assert_true (ok);
}

#define assert_at(find, i, px, py, within)                                                         \
  g_assert_cmpfloat (                                                                              \
      hypot ((find).points[i].position.x - (px), (find).points[i].position.y - (py)), <, within)

/* The whole picture shows the wide spot; only the first group's closer look shows the small one,
 * and the second group's look must be about that. */
static void
test_groups_follow_each_other (void)
{
  g_autoptr (GonioModelStore) store =
      open_spots ("follow", (const float[]){1, -1}, "[[\"one\",\"two\"],[\"one\"]]", "");
  static const Spot spots[] = {
      {190, 190, 20, 0.9}, {196, 260, 6, 1.0}, {350, 230, 20, 0.0}, {0, 0, 0, 0}};
  g_auto (GonioFind) found = {0};
  guint runs = 0;
  find (store, "follow", spots, &found, &runs);
  g_assert_cmpuint (runs, ==, 4);
  g_assert_false (found.inverted);
  g_assert_true (found.accepted);
  assert_at (found, 0, 199, 263, 1);
  assert_at (found, 1, 360, 240, 2);
}

/* What a closer look found absent is not looked for once more. */
static void
test_absent_group_is_passed_over (void)
{
  g_autoptr (GonioModelStore) store =
      open_spots ("absent", (const float[]){1, -1}, "[[\"one\",\"two\"],[\"two\"]]", "");
  static const Spot both[] = {{190, 190, 20, 1.0}, {350, 230, 20, 0.0}, {0, 0, 0, 0}};
  static const Spot one[] = {{190, 190, 20, 1.0}, {0, 0, 0, 0}};
  g_auto (GonioFind) found = {0};
  guint runs = 0;
  find (store, "absent", both, &found, &runs);
  g_assert_cmpuint (runs, ==, 4);
  g_assert_cmpuint (found.n_present, ==, 2);
  gonio_find_clear (&found);
  find (store, "absent", one, &found, &runs);
  g_assert_cmpuint (runs, ==, 3);
  g_assert_cmpuint (found.n_present, ==, 1);
  assert_at (found, 0, 200, 200, 15);
  g_assert_cmpfloat (found.points[1].confidence, ==, 0);
}

/* A dark patch with a small bright spot in it: the whole picture is convincing only inverted, the
 * closer look only as it is. Without the spot it stays inverted. */
static void
test_closer_looks_decide_polarity (void)
{
  g_autoptr (GonioModelStore) store =
      open_spots ("polarity", (const float[]){1, 1}, "[[\"one\",\"two\"]]", "");
  static const Spot ring[] = {{200, 200, 20, 0.0}, {207, 207, 6, 1.0}, {0, 0, 0, 0}};
  static const Spot patch[] = {{200, 200, 20, 0.0}, {0, 0, 0, 0}};
  g_auto (GonioFind) found = {0};
  guint runs = 0;
  find (store, "polarity", ring, &found, &runs);
  g_assert_cmpuint (runs, ==, 4);
  g_assert_false (found.inverted);
  assert_at (found, 0, 210, 210, 0.5);
  gonio_find_clear (&found);
  find (store, "polarity", patch, &found, &runs);
  g_assert_cmpuint (runs, ==, 4);
  g_assert_true (found.inverted);
}

/* A look in the mirror gives the same places, and exchanges the names of a pair: of a network that
 * does not know left from right the two looks then disagree, and the mean is in the middle. */
static void
test_mirrored (void)
{
  static const Spot spots[] = {{190, 250, 20, 1.0}, {340, 230, 20, 0.0}, {0, 0, 0, 0}};
  static const float signs[] = {1, -1};
  static const char *const groups = "[[\"one\",\"two\"]],\"mirrored\":true";
  g_autoptr (GonioModelStore) plain = open_spots ("mirrored", signs, groups, "");
  g_auto (GonioFind) found = {0};
  guint runs = 0;
  find (plain, "mirrored", spots, &found, &runs);
  g_assert_cmpuint (runs, ==, 4);
  assert_at (found, 0, 200, 260, 2);
  assert_at (found, 1, 350, 240, 2);
  double sigma = found.points[0].sigma;
  gonio_find_clear (&found);
  g_autoptr (GonioModelStore) pair =
      open_spots ("pair", signs, groups, "\"flip_pairs\":[[\"one\",\"two\"]],");
  find (pair, "pair", spots, &found, &runs);
  assert_at (found, 0, 275, 250, 4);
  assert_at (found, 1, 275, 250, 4);
  g_assert_cmpfloat (found.points[0].sigma, >, sigma + 20);
}

static void
remove_tree (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  for (const char *name; dir != NULL && (name = g_dir_read_name (dir)) != NULL;) {
    g_autofree char *entry = g_build_filename (path, name, NULL);
    remove_tree (entry);
  }
  g_remove (path);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  folder = g_dir_make_tmp ("gonio-find-XXXXXX", NULL);
  g_assert_nonnull (folder);
  g_test_add_func ("/find/groups-follow-each-other", test_groups_follow_each_other);
  g_test_add_func ("/find/absent-group", test_absent_group_is_passed_over);
  g_test_add_func ("/find/polarity", test_closer_looks_decide_polarity);
  g_test_add_func ("/find/mirrored", test_mirrored);
  int status = g_test_run ();
  remove_tree (folder);
  g_free (folder);
  return status;
}
