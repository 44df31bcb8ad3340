/* How long a frame of the viewer takes on a large 16-bit picture: pan, zoom, window, landmark
 * drag. Needs a display; the renderer is GTK's choice (GSK_RENDERER=cairo: without GL).
 * Usage: gonio-bench-viewer [EDGE-PX [FRAMES]] */
#include "ui/viewer/gonio-viewer.h"

#include <math.h>
#include <stdlib.h>
#include <time.h>

typedef struct {
  GonioItem *item;
  GonioViewer *viewer;
  GtkWindow *window;
  guint scenario, frame, frames;
  gint64 began, began_cpu;
  gint64 *spent, *cpu; /* microseconds, of this scenario: by the clock, on the processor */
  GMainLoop *loop;
} Bench;

static void
pan (Bench *b)
{
  gonio_viewer_pan (b->viewer, b->frame / 40 % 2 ? 9 : -9, b->frame / 40 % 2 ? 5 : -5);
}

static void
zoom (Bench *b)
{
  gonio_viewer_zoom_by (b->viewer, b->frame / 40 % 2 ? 1.04 : 1 / 1.04);
}

/* The work of a window drag: a new table, everything visible mapped anew. */
static void
window (Bench *b)
{
  gonio_viewer_invert (b->viewer);
}

static void
drag (Bench *b)
{
  const double edge = gonio_image_width (gonio_item_get_output (b->item)->original);
  gonio_item_move_landmark (b->item, "mt1_dist",
                            (GonioPoint){0.4 * edge + b->frame % 50, 0.5 * edge});
}

static void
fit (Bench *b)
{
  gonio_viewer_fit (b->viewer);
}

static void
actual (Bench *b)
{
  gonio_viewer_actual_size (b->viewer);
}

static const struct {
  const char *name;
  void (*prepare) (Bench *b);
  void (*step) (Bench *b);
} scenarios[] = {
    {"pan, fitted", fit, pan},
    {"pan, 1:1", actual, pan},
    {"zoom from fitted", fit, zoom},
    {"zoom from 1:1", actual, zoom},
    {"window, fitted", fit, window},
    {"window, 1:1", actual, window},
    {"drag landmark, fitted", fit, drag},
};

static int
compare (gconstpointer a, gconstpointer b)
{
  const gint64 x = *(const gint64 *)a, y = *(const gint64 *)b;
  return x < y ? -1 : x > y;
}

/* A busy machine lengthens frames; what this thread computed says what the viewer costs. */
static gint64
thread_cpu (void)
{
  struct timespec now = {0, 0};
  clock_gettime (CLOCK_THREAD_CPUTIME_ID, &now);
  return (gint64)now.tv_sec * G_USEC_PER_SEC + now.tv_nsec / 1000;
}

static void
report (Bench *b)
{
  qsort (b->spent, b->frames, sizeof *b->spent, compare);
  qsort (b->cpu, b->frames, sizeof *b->cpu, compare);
  g_print ("%-24s cpu %6.1f ms (95 %% %5.1f)   frame %6.1f ms (95 %% %5.1f, worst %5.1f)\n",
           scenarios[b->scenario].name, b->cpu[b->frames / 2] / 1000.0,
           b->cpu[b->frames * 95 / 100] / 1000.0, b->spent[b->frames / 2] / 1000.0,
           b->spent[b->frames * 95 / 100] / 1000.0, b->spent[b->frames - 1] / 1000.0);
}

static void
on_before_paint (GdkFrameClock *clock, Bench *b)
{
  b->began = g_get_monotonic_time ();
  b->began_cpu = thread_cpu ();
}

static void
on_after_paint (GdkFrameClock *clock, Bench *b)
{
  if (b->frame == 0 || b->frame > b->frames)
    return;
  b->spent[b->frame - 1] = g_get_monotonic_time () - b->began;
  b->cpu[b->frame - 1] = thread_cpu () - b->began_cpu;
}

static gboolean
on_tick (GtkWidget *widget, GdkFrameClock *clock, gpointer user_data)
{
  Bench *b = user_data;
  if (b->frame == b->frames) {
    report (b);
    b->frame = 0;
    if (++b->scenario == G_N_ELEMENTS (scenarios)) {
      g_main_loop_quit (b->loop);
      return G_SOURCE_REMOVE;
    }
  }
  if (b->frame == 0)
    scenarios[b->scenario].prepare (b);
  b->frame++;
  scenarios[b->scenario].step (b);
  return G_SOURCE_CONTINUE;
}

static GonioPipelineOutput *
make_output (guint edge)
{
  uint16_t *pixels = g_new (uint16_t, (gsize)edge * edge);
  guint32 seed = 1;
  for (gsize i = 0; i < (gsize)edge * edge; i++) {
    seed = seed * 1664525u + 1013904223u;
    const double x = (double)(i % edge) / edge, y = (double)(i / edge) / edge;
    pixels[i] = (uint16_t)(20000 + 15000 * sin (9 * x) * cos (7 * y) + (seed >> 20));
  }
  GonioPipelineOutput *output = g_new0 (GonioPipelineOutput, 1);
  output->original = gonio_image_new (GONIO_PIXELS_GREY16, edge, edge, pixels, NULL, NULL);
  output->rectified = gonio_image_ref (output->original);
  output->to_flat = gonio_transform_new_identity ();
  output->result = gonio_result_new ("large");
  g_autofree char *path =
      g_build_filename (GONIO_SOURCE_DIR, "resources", "protocols", "foot-dp.json", NULL);
  g_autoptr (GError) error = NULL;
  output->protocol = gonio_protocol_load (path, &error);
  if (!output->protocol)
    g_error ("%s", error->message);
  static const struct {
    const char *id;
    double x, y;
  } places[] = {
      {"mt1_prox", 0.4, 0.7},       {"mt1_dist", 0.4, 0.5},  {"ph1_prox", 0.42, 0.42},
      {"ph1_dist", 0.5, 0.3},       {"mt2_prox", 0.55, 0.7}, {"mt2_dist", 0.6, 0.45},
      {"dp1_prox", 0.52, 0.2},      {"dp1_dist", 0.54, 0.1}, {"mt1_head_med", 0.35, 0.45},
      {"mt1_head_lat", 0.45, 0.45},
  };
  for (guint i = 0; i < G_N_ELEMENTS (places); i++) {
    GonioLandmark *landmark = gonio_landmark_new (places[i].id);
    landmark->position = landmark->proposed = (GonioPoint){places[i].x * edge, places[i].y * edge};
    landmark->sigma = 3;
    landmark->confidence = 0.9;
    g_ptr_array_add (output->result->landmarks, landmark);
  }
  if (!gonio_protocol_measure_all (output->protocol, output->result, output->to_flat, NULL, &error))
    g_error ("%s", error->message);
  return output;
}

int
main (int argc, char **argv)
{
  const guint edge =
      argc > 1 ? (guint)CLAMP (g_ascii_strtoll (argv[1], NULL, 10), 256, 16384) : 4000;
  const guint frames =
      argc > 2 ? (guint)CLAMP (g_ascii_strtoll (argv[2], NULL, 10), 10, 10000) : 120;
  if (!gtk_init_check ()) {
    g_printerr ("There is no display. Run it under xvfb-run.\n");
    return 77;
  }
  g_autoptr (GFile) file = g_file_new_for_path ("large");
  Bench b = {.item = gonio_item_new (file),
             .frames = frames,
             .spent = g_new0 (gint64, frames),
             .cpu = g_new0 (gint64, frames)};
  GonioPipelineOutput *output = make_output (edge);
  const gint64 start = g_get_monotonic_time ();
  GonioPyramid *pyramid = gonio_pyramid_new (output->original);
  g_print ("%u x %u, 16 bit; pyramid built in %.0f ms (on a worker thread)\n", edge, edge,
           (g_get_monotonic_time () - start) / 1000.0);
  gonio_item_set_output (b.item, output, pyramid, gonio_pyramid_ref (pyramid), NULL);

  b.window = GTK_WINDOW (gtk_window_new ());
  gtk_window_set_default_size (b.window, 1280, 860);
  b.viewer = GONIO_VIEWER (gonio_viewer_new ());
  gonio_viewer_set_item (b.viewer, b.item);
  gtk_window_set_child (b.window, GTK_WIDGET (b.viewer));
  gtk_window_present (b.window);
  GdkFrameClock *clock = gtk_widget_get_frame_clock (GTK_WIDGET (b.window));
  g_signal_connect (clock, "before-paint", G_CALLBACK (on_before_paint), &b);
  g_signal_connect (clock, "after-paint", G_CALLBACK (on_after_paint), &b);
  b.loop = g_main_loop_new (NULL, FALSE);
  gtk_widget_add_tick_callback (GTK_WIDGET (b.viewer), on_tick, &b, NULL);
  g_main_loop_run (b.loop);
  g_print ("viewer of %d x %d px\n", gtk_widget_get_width (GTK_WIDGET (b.viewer)),
           gtk_widget_get_height (GTK_WIDGET (b.viewer)));
  g_signal_handlers_disconnect_by_data (clock, &b);
  gtk_window_destroy (b.window);
  g_main_loop_unref (b.loop);
  g_object_unref (b.item);
  g_free (b.spent);
  g_free (b.cpu);
  return 0;
}
