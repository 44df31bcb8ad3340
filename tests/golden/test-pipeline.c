/* The shipped models on the bundled sample, as it is and turned, mirrored, inverted,
 * photographed; and everything that may go wrong around them. */
#include "app/backends.h"
#include "core/base/error.h"
#include "core/pipeline/pipeline.h"
#include "tests/support/dicom-writer.h"

#include <cairo.h>
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#define RESOURCES GONIO_SOURCE_DIR "/resources"
#define SAMPLE    RESOURCES "/samples/foot-dp.png"

static char *folder; /* for pictures made here */

static GonioPipeline *
open_pipeline_with (const char *extra_models, const char *extra_protocols, guint threads,
                    guint jobs)
{
  g_autoptr (GError) error = NULL;
  g_autofree const GonioBackendDef **backends = gonio_backends_parse (NULL, &error);
  g_assert_no_error (error);
  const char *models[] = {RESOURCES "/models", NULL, NULL};
  const char *protocols[] = {RESOURCES "/protocols", NULL, NULL};
  if (extra_models != NULL) {
    models[1] = models[0];
    models[0] = extra_models;
  }
  if (extra_protocols != NULL)
    protocols[1] = extra_protocols;
  const GonioPipelineOptions options = {.backends = backends,
                                        .threads = threads,
                                        .jobs = jobs,
                                        .model_dirs = models,
                                        .protocol_dirs = protocols};
  GonioPipeline *pipeline = gonio_pipeline_new (&options, &error);
  g_assert_no_error (error);
  return pipeline;
}

static GonioPipeline *
open_pipeline (const char *extra_models, const char *extra_protocols)
{
  return open_pipeline_with (extra_models, extra_protocols, 0, 0);
}

static GonioPipelineOutput *
measure (GonioPipeline *pipeline, const char *path, const GonioMeasureOptions *options)
{
  g_autoptr (GError) error = NULL;
  GonioPipelineOutput *output =
      gonio_pipeline_measure (pipeline, path, options, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  return output;
}

static double
value_of (const GonioPipelineOutput *output, const char *id)
{
  GonioMeasurement *m = gonio_result_measure (output->result, id);
  g_assert_nonnull (m);
  if (!m->valid)
    g_error ("%s: %s", id, m->problem);
  return m->value;
}

/* ---- pictures made from the sample ---- */

typedef struct {
  guint width, height;
  uint8_t *grey;
} Picture;

static Picture
load_sample (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GonioImage) image = gonio_image_load (SAMPLE, 0, NULL, NULL, &error);
  g_assert_no_error (error);
  return (Picture){.width = gonio_image_width (image),
                   .height = gonio_image_height (image),
                   .grey = gonio_image_render_grey8 (image, gonio_image_window (image))};
}

static char *
save (const Picture *p, const char *name)
{
  cairo_surface_t *surface =
      cairo_image_surface_create (CAIRO_FORMAT_RGB24, (int)p->width, (int)p->height);
  cairo_surface_flush (surface);
  for (guint y = 0; y < p->height; y++) {
    uint32_t *row = (uint32_t *)(void *)(cairo_image_surface_get_data (surface) +
                                         y * (guint)cairo_image_surface_get_stride (surface));
    for (guint x = 0; x < p->width; x++)
      row[x] = p->grey[y * p->width + x] * 0x010101u;
  }
  cairo_surface_mark_dirty (surface);
  char *path = g_build_filename (folder, name, NULL);
  g_assert_cmpint (cairo_surface_write_to_png (surface, path), ==, CAIRO_STATUS_SUCCESS);
  cairo_surface_destroy (surface);
  return path;
}

/* quarter turns clockwise, then mirrored left to right, then inverted */
static char *
make_variant (int turns, gboolean mirror, gboolean invert)
{
  Picture from = load_sample ();
  gboolean swap = turns % 2 != 0;
  Picture to = {.width = swap ? from.height : from.width,
                .height = swap ? from.width : from.height};
  to.grey = g_malloc (to.width * to.height);
  for (guint y = 0; y < to.height; y++)
    for (guint x = 0; x < to.width; x++) {
      guint u = mirror ? to.width - 1 - x : x, v = y, sx = u, sy = v;
      if (turns == 1) {
        sx = v;
        sy = from.height - 1 - u;
      } else if (turns == 2) {
        sx = from.width - 1 - u;
        sy = from.height - 1 - v;
      } else if (turns == 3) {
        sx = from.width - 1 - v;
        sy = u;
      }
      uint8_t g = from.grey[sy * from.width + sx];
      to.grey[y * to.width + x] = invert ? 255 - g : g;
    }
  g_autofree char *name = g_strdup_printf ("variant-%d%d%d.png", turns, mirror, invert);
  char *path = save (&to, name);
  g_free (from.grey);
  g_free (to.grey);
  return path;
}

/* ---- results ---- */

static void
test_sample (void)
{
  g_autoptr (GonioPipeline) pipeline = open_pipeline (NULL, NULL);
  g_autoptr (GonioPipelineOutput) output = measure (pipeline, SAMPLE, NULL);
  GonioResult *r = output->result;
  g_assert_cmpstr (r->view, ==, "foot-dp");
  g_assert_cmpstr (r->protocol, ==, "foot-dp");
  g_assert_cmpint (r->state, ==, GONIO_STATE_TO_CHECK);
  g_assert_cmpint (r->side, ==, GONIO_SIDE_RIGHT);
  g_assert_cmpuint (r->landmarks->len, ==, 10);
  /* By construction 28 and 10 degrees. */
  g_assert_cmpfloat_with_epsilon (value_of (output, "hva"), 28, 5);
  g_assert_cmpfloat_with_epsilon (value_of (output, "ima"), 10, 3);
  g_assert_cmpfloat (gonio_result_measure (r, "hva")->se, >, 0.2);
  g_assert_cmpuint (strlen (r->input_sha256), ==, 64);
  g_assert_cmpuint (r->models->len, >=, 1);
  g_assert_nonnull (r->backend);
  g_assert_cmpuint (r->timings->len, ==, 5);
  g_assert_cmpstr (r->input_format, ==, "PNG");
  g_assert_null (r->refusal);
  g_assert_cmpuint (r->attempts->len, >=, 1);
  const GonioAttempt *attempt = r->attempts->pdata[0];
  g_assert_true (attempt->accepted);
  g_assert_cmpstr (attempt->view, ==, "foot-dp");
  g_assert_cmpuint (attempt->landmarks, ==, 10);
  g_assert_cmpuint (attempt->found, ==, 10);
  for (guint i = 0; i < r->landmarks->len; i++) {
    const GonioLandmark *l = r->landmarks->pdata[i];
    g_assert_cmpint (gonio_landmark_level (l), !=, GONIO_CONFIDENCE_NONE);
    g_assert_cmpfloat (l->position.x, ==, l->proposed.x);
    g_assert_true (l->position.x > 0 && l->position.x < r->width);
    g_assert_true (l->position.y > 0 && l->position.y < r->height);
  }
  g_autofree char *png = g_build_filename (folder, "overlay.png", NULL);
  g_autoptr (GError) error = NULL;
  g_assert_true (gonio_overlay_write_png (output, png, &error));
  g_assert_no_error (error);
  g_autoptr (GonioImage) overlay = gonio_image_load (png, 0, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (MAX (gonio_image_width (overlay), gonio_image_height (overlay)), >=, 900);
}

static void
test_variants (void)
{
  g_autoptr (GonioPipeline) pipeline = open_pipeline (NULL, NULL);
  g_autoptr (GonioPipelineOutput) base = measure (pipeline, SAMPLE, NULL);
  static const struct {
    int turns;
    gboolean mirror, invert;
    double tolerance;
  } cases[] = {{1, FALSE, FALSE, 2},
               {2, FALSE, FALSE, 2},
               {3, FALSE, FALSE, 2},
               {0, FALSE, TRUE, 1},
               {0, TRUE, FALSE, 6}};
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *path = make_variant (cases[i].turns, cases[i].mirror, cases[i].invert);
    GonioMeasureOptions options = {.protocol = "foot-dp", .rectify = GONIO_RECTIFY_OFF};
    g_autoptr (GonioPipelineOutput) output = measure (pipeline, path, &options);
    g_assert_cmpfloat_with_epsilon (value_of (output, "hva"), value_of (base, "hva"),
                                    cases[i].tolerance);
    g_assert_cmpfloat_with_epsilon (value_of (output, "ima"), value_of (base, "ima"),
                                    cases[i].tolerance);
    g_assert_cmpint (output->result->side, ==,
                     cases[i].mirror ? GONIO_SIDE_LEFT : GONIO_SIDE_RIGHT);
  }
}

static void
count_runs (const char *stage, double fraction, gpointer data)
{
  g_assert_true (fraction >= 0 && fraction <= 1);
  if (g_str_equal (stage, "landmarks"))
    (*(guint *)data)++;
}

/* Without being told the view, a turned picture is found as well, and a picture of nothing does
 * not cost every network every turn: three networks would take 24 looks. */
static void
test_attempts (void)
{
  g_autoptr (GonioPipeline) pipeline = open_pipeline (NULL, NULL);
  for (int turns = 1; turns < 4; turns++) {
    g_autofree char *path = make_variant (turns, FALSE, FALSE);
    g_autoptr (GonioPipelineOutput) output = measure (pipeline, path, NULL);
    g_assert_cmpstr (output->result->view, ==, "foot-dp");
    g_assert_cmpfloat_with_epsilon (value_of (output, "hva"), 28, 5);
  }
  Picture p = {.width = 400, .height = 500};
  p.grey = g_malloc (p.width * p.height);
  for (guint i = 0; i < p.width * p.height; i++)
    p.grey[i] = (uint8_t)(40 + i / p.width / 5 + g_test_rand_int_range (0, 10));
  g_autofree char *path = save (&p, "ramp.png");
  g_free (p.grey);
  guint runs = 0;
  g_autoptr (GError) error = NULL;
  g_autoptr (GonioPipelineOutput) output =
      gonio_pipeline_measure (pipeline, path, NULL, count_runs, &runs, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpint (output->result->state, ==, GONIO_STATE_NO_ANSWER);
  g_assert_cmpuint (runs, <=, 16);
  /* Refused by the classifier alone, or by every network that was asked. */
  gboolean asked = output->result->attempts->len > 0;
  g_assert_cmpstr (output->result->refusal, ==,
                   asked ? GONIO_REFUSAL_NOT_ACCEPTED : GONIO_REFUSAL_CLASSIFIER);
  g_assert_true ((runs > 0) == asked);
  for (guint i = 0; i < output->result->attempts->len; i++)
    g_assert_false (((GonioAttempt *)output->result->attempts->pdata[i])->accepted);
}

typedef struct {
  guint next;
  GString *text; /* everything but times */
} Told;

static void
note (guint index, GonioPipelineOutput *output, const GError *error, gpointer data)
{
  Told *told = data;
  g_assert_cmpuint (index, ==, told->next++);
  g_assert_true ((output == NULL) == (error != NULL));
  if (error != NULL) {
    g_string_append_printf (told->text, "%s\n", error->message);
    return;
  }
  g_autoptr (GPtrArray) results = g_ptr_array_new ();
  g_ptr_array_add (results, output->result);
  g_ptr_array_set_size (output->result->timings, 0);
  output->result->networks_ms = 0;
  g_autofree char *text = gonio_results_to_string (results);
  g_string_append (told->text, text);
}

static char *
measure_all (guint threads, guint jobs, const char *const *paths, GCancellable *cancellable)
{
  g_autoptr (GonioPipeline) pipeline = open_pipeline_with (NULL, NULL, threads, jobs);
  Told told = {0, g_string_new (NULL)};
  gonio_pipeline_measure_all (pipeline, paths, NULL, note, &told, cancellable);
  g_assert_cmpuint (told.next, ==, g_strv_length ((char **)paths));
  return g_string_free (told.text, FALSE);
}

/* Many pictures, bad ones among them: in their order, and the same however many at a time. */
static void
test_many (void)
{
  const char *paths[] = {SAMPLE,
                         RESOURCES "/samples/there-is-none.png",
                         RESOURCES "/samples/pelvis-ap.png",
                         RESOURCES "/protocols",
                         SAMPLE,
                         RESOURCES "/samples/leg-ap.png",
                         SAMPLE,
                         NULL};
  g_autofree char *one = measure_all (2, 1, paths, NULL), *three = measure_all (2, 3, paths, NULL);
  g_autofree char *four = measure_all (1, gonio_pipeline_jobs (64, 7), paths, NULL);
  g_assert_nonnull (strstr (one, "\"hva\""));
  g_assert_cmpstr (one, ==, three);
  g_assert_cmpstr (one, ==, four);
  const char *none[] = {NULL};
  g_autofree char *nothing = measure_all (2, 3, none, NULL);
  g_assert_cmpstr (nothing, ==, "");
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_cancellable_cancel (cancellable);
  g_autofree char *cancelled = measure_all (2, 3, paths, cancellable);
  g_assert_null (strstr (cancelled, "hva"));
}

static void
test_jobs (void)
{
  g_assert_cmpuint (gonio_pipeline_jobs (1, 100), ==, 1);
  g_assert_cmpuint (gonio_pipeline_jobs (2, 100), ==, 2);
  g_assert_cmpuint (gonio_pipeline_jobs (2, 1), ==, 1);
  g_assert_cmpuint (gonio_pipeline_jobs (2, 0), ==, 1);
  g_assert_cmpuint (gonio_pipeline_jobs (64, 100), ==, 4);
  g_assert_cmpuint (gonio_pipeline_jobs (0, 100), >=, 1);
}

/* A photo of the sample taken askew, flattened by corners set by hand. */
static void
test_corners (void)
{
  g_autoptr (GonioPipeline) pipeline = open_pipeline (NULL, NULL);
  g_autoptr (GonioPipelineOutput) base = measure (pipeline, SAMPLE, NULL);
  /* The sample seen by a camera of 1520 px focal length, tilted by 24 degrees and rolled by 5. */
  GonioPoint c[4] = {{295, 164}, {997, 197}, {848, 1318}, {321, 1224}};
  double w = gonio_image_width (base->original), h = gonio_image_height (base->original);
  g_autoptr (GError) error = NULL;
  g_autoptr (GonioTransform) to_flat = gonio_transform_new_quad (c, w, h, &error);
  g_assert_no_error (error);
  g_autoptr (GonioTransform) to_photo = gonio_transform_invert (to_flat);
  g_autoptr (GonioImage) photo =
      gonio_image_transform (base->original, to_photo, 1200, 1600, NULL, &error);
  g_assert_no_error (error);
  Picture p = {.width = 1200, .height = 1600};
  p.grey = gonio_image_render_grey8 (photo, gonio_image_window (photo));
  g_autofree char *path = save (&p, "photo.png");
  g_free (p.grey);

  GonioMeasureOptions options = {.protocol = "foot-dp", .rectify = GONIO_RECTIFY_CORNERS};
  memcpy (options.corners, c, sizeof c);
  g_autoptr (GonioPipelineOutput) output = measure (pipeline, path, &options);
  g_assert_cmpstr (output->result->rectification.kind, ==, "homography");
  g_assert_cmpstr (output->result->rectification.source, ==, "manual");
  g_assert_true (output->rectified != output->original);
  /* The aspect is a guess where the focal length is: a tenth at most, some degrees of angle. */
  g_assert_cmpfloat_with_epsilon (value_of (output, "hva"), value_of (base, "hva"), 6);
  /* Landmarks lie on the photo, where the sample's lie when they are carried over. */
  for (guint i = 0; i < base->result->landmarks->len; i++) {
    const GonioLandmark *l = base->result->landmarks->pdata[i];
    const GonioLandmark *q = output->result->landmarks->pdata[i];
    GonioPoint expected = {NAN, NAN};
    g_assert_true (gonio_transform_inverse (to_flat, l->position, &expected));
    g_assert_cmpfloat (hypot (expected.x - q->position.x, expected.y - q->position.y), <, 45);
  }
}

static void
test_nothing_to_see (void)
{
  g_autoptr (GonioPipeline) pipeline = open_pipeline (NULL, NULL);
  Picture p = {.width = 400, .height = 500};
  p.grey = g_malloc (p.width * p.height);
  for (guint i = 0; i < p.width * p.height; i++)
    p.grey[i] = (uint8_t)(100 + g_test_rand_int_range (0, 60));
  g_autofree char *path = save (&p, "noise.png");
  g_free (p.grey);
  g_autoptr (GonioPipelineOutput) output = measure (pipeline, path, NULL);
  g_assert_cmpint (output->result->state, ==, GONIO_STATE_NO_ANSWER);
  g_assert_null (output->protocol);
  g_assert_cmpuint (output->result->measures->len, ==, 0);
  g_assert_cmpuint (output->result->reasons->len, >, 0);

  /* Forced, it answers, but nothing may be certain. */
  GonioMeasureOptions options = {.protocol = "foot-dp"};
  g_autoptr (GonioPipelineOutput) forced = measure (pipeline, path, &options);
  g_assert_nonnull (forced->protocol);
  for (guint i = 0; i < forced->result->landmarks->len; i++)
    g_assert_cmpint (gonio_landmark_level (forced->result->landmarks->pdata[i]), !=,
                     GONIO_CONFIDENCE_HIGH);
  for (guint i = 0; i < forced->result->measures->len; i++) {
    const GonioMeasurement *m = forced->result->measures->pdata[i];
    g_assert_true (!m->valid || m->low_confidence);
  }
}

static void
test_stated_side (void)
{
  g_autoptr (GonioPipeline) pipeline = open_pipeline (NULL, NULL);
  GonioMeasureOptions options = {.protocol = "foot-dp", .side = GONIO_SIDE_LEFT};
  g_autoptr (GonioPipelineOutput) output = measure (pipeline, SAMPLE, &options);
  g_assert_cmpint (output->result->side, ==, GONIO_SIDE_LEFT);
  g_assert_cmpstr (output->result->side_source, ==, "user");
  gboolean told = FALSE;
  for (guint i = 0; i < output->result->reasons->len; i++)
    told = told || strstr (output->result->reasons->pdata[i], "mirrored") != NULL;
  g_assert_true (told);
}

/* ---- what goes wrong ---- */

static void
test_errors (void)
{
  g_autoptr (GonioPipeline) pipeline = open_pipeline (NULL, NULL);
  g_autoptr (GError) error = NULL;
  g_assert_null (
      gonio_pipeline_measure (pipeline, "/nonexistent/a.png", NULL, NULL, NULL, NULL, &error));
  g_assert_error (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_IO);
  g_clear_error (&error);
  GonioMeasureOptions options = {.protocol = "elbow"};
  g_assert_null (gonio_pipeline_measure (pipeline, SAMPLE, &options, NULL, NULL, NULL, &error));
  g_assert_error (error, GONIO_MEASURE_ERROR, GONIO_MEASURE_ERROR_PROTOCOL);
  g_clear_error (&error);
  options = (GonioMeasureOptions){.rectify = GONIO_RECTIFY_CORNERS};
  g_assert_null (gonio_pipeline_measure (pipeline, SAMPLE, &options, NULL, NULL, NULL, &error));
  g_assert_nonnull (strstr (error->message, "convex"));
}

static void
write_text (const char *path, const char *text)
{
  g_autofree char *dir = g_path_get_dirname (path);
  g_assert_cmpint (g_mkdir_with_parents (dir, 0700), ==, 0);
  g_assert_true (g_file_set_contents (path, text, -1, NULL));
}

/* Broken user files are problems to show, and the rest works. */
static void
test_broken_user_files (void)
{
  g_autofree char *models = g_build_filename (folder, "models", NULL);
  g_autofree char *manifest = g_build_filename (models, "mine", "manifest.json", NULL);
  g_autofree char *protocols = g_build_filename (folder, "protocols", NULL);
  g_autofree char *protocol = g_build_filename (protocols, "mine.json", NULL);
  write_text (manifest, "{\"format\":1");
  write_text (protocol, "{\"format\":1,\"id\":\"mine\"}");
  g_autoptr (GonioPipeline) pipeline = open_pipeline (models, protocols);
  GPtrArray *problems = gonio_pipeline_problems (pipeline);
  g_assert_cmpuint (problems->len, ==, 2);
  g_assert_nonnull (strstr (problems->pdata[0], "manifest.json"));
  g_assert_nonnull (strstr (problems->pdata[1], "mine.json: version: this field is missing"));
  g_autoptr (GonioPipelineOutput) output = measure (pipeline, SAMPLE, NULL);
  g_assert_cmpint (output->result->state, ==, GONIO_STATE_TO_CHECK);
}

/* A measure whose landmark is gone says so, by id and in words; refused only without any. */
static void
test_incomplete (void)
{
  g_autoptr (GonioPipeline) pipeline = open_pipeline (NULL, NULL);
  GonioMeasureOptions options = {.protocol = "foot-dp"};
  g_autoptr (GonioPipelineOutput) output = measure (pipeline, SAMPLE, &options);
  GonioResult *r = output->result;
  for (int all = 0; all < 2; all++) {
    for (guint i = 0; i < r->landmarks->len; i++) {
      GonioLandmark *l = r->landmarks->pdata[i];
      l->skipped = l->skipped || all || g_str_equal (l->id, "ph1_dist");
    }
    g_ptr_array_set_size (r->reasons, 0);
    g_assert_true (gonio_protocol_measure_all (output->protocol, r, output->to_flat, NULL, NULL));
    gonio_pipeline_output_add_reasons (output);
    gboolean told = FALSE;
    for (guint i = 0; i < r->reasons->len; i++)
      told = told ||
             g_str_equal (r->reasons->pdata[i], "not measured for want of landmarks: HVA, HVI");
    g_assert_true (told == !all);
    g_assert_cmpstr (r->refusal, ==, all ? GONIO_REFUSAL_NO_MEASURE : NULL);
    const GonioMeasurement *hva = gonio_result_measure (r, "hva");
    g_assert_true (g_strv_contains ((const char *const *)hva->missing, "ph1_dist"));
    g_assert_cmpuint (g_strv_length (hva->missing), ==, all ? 4 : 1);
    g_assert_true (gonio_result_measure (r, "ima")->valid == !all);
    g_assert_true ((gonio_result_measure (r, "ima")->missing != NULL) == all);
  }
}

/* A file whose tags say that it is none of ours is refused by them alone. */
static void
test_refused_by_tag (void)
{
  g_autoptr (GonioDicomWriter) w = gonio_dicom_writer_new (GONIO_TS_EXPLICIT);
  gonio_dicom_writer_text (w, 0x00180015, "CS", "CHEST");
  gonio_dicom_writer_grey (w, "MONOCHROME2", 64, 64, 16, 16, FALSE);
  g_autofree uint16_t *words = g_new0 (uint16_t, 64 * 64);
  for (guint i = 0; i < 64 * 64; i++)
    words[i] = (uint16_t)(i * 16);
  gonio_dicom_writer_words (w, 0x7FE00010, "OW", words, 64 * 64);
  g_autoptr (GBytes) bytes = gonio_dicom_writer_finish (w);
  g_autofree char *path = g_build_filename (folder, "chest.dcm", NULL);
  g_assert_true (g_file_set_contents (path, g_bytes_get_data (bytes, NULL),
                                      (gssize)g_bytes_get_size (bytes), NULL));
  g_autoptr (GonioPipeline) pipeline = open_pipeline (NULL, NULL);
  g_autoptr (GonioPipelineOutput) output = measure (pipeline, path, NULL);
  g_assert_cmpstr (output->result->refusal, ==, GONIO_REFUSAL_TAG);
  g_assert_cmpstr (output->result->view, ==, "other");
  g_assert_cmpuint (output->result->attempts->len, ==, 0);
  g_assert_nonnull (strstr (output->result->reasons->pdata[0], "CHEST"));
}

/* A protocol without a model: its landmarks are there to be placed by hand. */
static void
test_protocol_without_model (void)
{
  g_autofree char *text = NULL;
  g_assert_true (g_file_get_contents (RESOURCES "/protocols/foot-dp.json", &text, NULL, NULL));
  g_auto (GStrv) parts = g_strsplit (text, "foot-dp", -1);
  g_autofree char *renamed = g_strjoinv ("my-foot", parts);
  g_autofree char *protocols = g_build_filename (folder, "more", NULL);
  g_autofree char *path = g_build_filename (protocols, "my-foot.json", NULL);
  write_text (path, renamed);
  g_autoptr (GonioPipeline) pipeline = open_pipeline (NULL, protocols);
  GonioMeasureOptions options = {.protocol = "my-foot"};
  g_autoptr (GonioPipelineOutput) output = measure (pipeline, SAMPLE, &options);
  g_assert_cmpuint (output->result->landmarks->len, ==, 10);
  g_assert_cmpuint (output->result->measures->len, ==, 4);
  g_assert_false (gonio_result_measure (output->result, "hva")->valid);
  g_assert_cmpuint (g_strv_length (gonio_result_measure (output->result, "hva")->missing), ==, 4);
  g_assert_cmpstr (output->result->refusal, ==, GONIO_REFUSAL_NO_MEASURE);
  g_assert_nonnull (strstr (output->result->reasons->pdata[0], "by hand"));
}

static void
test_no_models (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree const GonioBackendDef **backends = gonio_backends_parse (NULL, &error);
  const char *models[] = {"/nonexistent", NULL}, *protocols[] = {RESOURCES "/protocols", NULL};
  const GonioPipelineOptions options = {
      .backends = backends, .model_dirs = models, .protocol_dirs = protocols};
  g_assert_null (gonio_pipeline_new (&options, &error));
  g_assert_error (error, GONIO_MODEL_ERROR, GONIO_MODEL_ERROR_MANIFEST);
  g_assert_nonnull (strstr (error->message, "GONIO_DATA_DIR"));
}

/* A model whose file was changed is refused when it is used. */
static void
test_changed_model (void)
{
  g_autofree char *manifest = NULL;
  g_assert_true (
      g_file_get_contents (RESOURCES "/models/foot-dp/manifest.json", &manifest, NULL, NULL));
  g_autofree char *models = g_build_filename (folder, "changed", NULL);
  g_autofree char *path = g_build_filename (models, "foot-dp", "manifest.json", NULL);
  g_autofree char *network = g_build_filename (models, "foot-dp", "model.onnx", NULL);
  write_text (path, manifest);
  write_text (network, "not a network");
  g_autoptr (GonioPipeline) pipeline = open_pipeline (models, NULL);
  GonioMeasureOptions options = {.protocol = "foot-dp"};
  for (int again = 0; again < 2; again++) {
    g_autoptr (GError) error = NULL;
    g_assert_null (gonio_pipeline_measure (pipeline, SAMPLE, &options, NULL, NULL, NULL, &error));
    g_assert_error (error, GONIO_MODEL_ERROR, GONIO_MODEL_ERROR_CHECKSUM);
  }
}

/* ---- in the background ---- */

typedef struct {
  GMainLoop *loop;
  GonioPipeline *pipeline;
  GString *order;
  guint left;
} Crowd;

typedef struct {
  Crowd *crowd;
  char name;
  gboolean done;
  guint reports;
  gboolean cancelled;
} Member;

static void
on_progress (const char *stage, double fraction, gpointer data)
{
  Member *member = data;
  g_assert_false (member->done);
  g_assert_nonnull (stage);
  g_assert_true (fraction >= 0 && fraction <= 1);
  g_assert_true (g_main_context_is_owner (NULL));
  member->reports++;
}

static void
on_done (GObject *source, GAsyncResult *result, gpointer data)
{
  Member *member = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GonioPipelineOutput) output =
      gonio_pipeline_measure_finish (member->crowd->pipeline, result, &error);
  if (member->cancelled)
    g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  else
    g_assert_no_error (error);
  g_assert_true ((output == NULL) == member->cancelled);
  member->done = TRUE;
  g_string_append_c (member->crowd->order, member->name);
  if (--member->crowd->left == 0)
    g_main_loop_quit (member->crowd->loop);
}

static void
test_async (void)
{
  Crowd crowd = {.loop = g_main_loop_new (NULL, FALSE),
                 .pipeline = open_pipeline (NULL, NULL),
                 .order = g_string_new (NULL),
                 .left = 5};
  /* The first starts at once; the others wait in the order of their priorities. */
  Member members[5] = {0};
  const int priorities[] = {G_PRIORITY_DEFAULT, G_PRIORITY_LOW, G_PRIORITY_HIGH, G_PRIORITY_LOW,
                            G_PRIORITY_LOW};
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  GonioMeasureOptions options = {.protocol = "foot-dp", .rectify = GONIO_RECTIFY_OFF};
  for (guint i = 0; i < G_N_ELEMENTS (members); i++) {
    members[i].crowd = &crowd;
    members[i].name = "abcde"[i];
    members[i].cancelled = members[i].name == 'd';
    gonio_pipeline_measure_async (crowd.pipeline, SAMPLE, &options, priorities[i], on_progress,
                                  &members[i], members[i].cancelled ? cancellable : NULL, on_done,
                                  &members[i]);
    if (i == 0)
      g_usleep (20000); /* let the worker take it */
  }
  g_cancellable_cancel (cancellable);
  GonioPipeline *pipeline = crowd.pipeline;
  g_main_loop_run (crowd.loop);
  gonio_pipeline_unref (pipeline);
  g_assert_cmpuint (crowd.order->len, ==, 5);
  g_assert_cmpint (crowd.order->str[0], ==, 'a');
  const char *b = strchr (crowd.order->str, 'b'), *c = strchr (crowd.order->str, 'c');
  g_assert_true (c < b && b < strchr (crowd.order->str, 'e'));
  for (guint i = 0; i < G_N_ELEMENTS (members); i++)
    g_assert_true (members[i].cancelled || members[i].reports >= 5);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_string_free (crowd.order, TRUE);
  g_main_loop_unref (crowd.loop);
}

/* The pipeline may go while a job still runs. */
static void
test_async_orphan (void)
{
  Crowd crowd = {.loop = g_main_loop_new (NULL, FALSE),
                 .pipeline = open_pipeline (NULL, NULL),
                 .order = g_string_new (NULL),
                 .left = 1};
  Member member = {.crowd = &crowd, .name = 'a'};
  GonioMeasureOptions options = {.protocol = "foot-dp", .rectify = GONIO_RECTIFY_OFF};
  gonio_pipeline_measure_async (crowd.pipeline, SAMPLE, &options, G_PRIORITY_DEFAULT, on_progress,
                                &member, NULL, on_done, &member);
  gonio_pipeline_unref (crowd.pipeline);
  g_main_loop_run (crowd.loop);
  g_assert_true (member.done);
  g_string_free (crowd.order, TRUE);
  g_main_loop_unref (crowd.loop);
}

static void
remove_tree (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  for (const char *name = dir != NULL ? g_dir_read_name (dir) : NULL; name != NULL;
       name = g_dir_read_name (dir)) {
    g_autofree char *child = g_build_filename (path, name, NULL);
    remove_tree (child);
  }
  g_remove (path);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_autoptr (GError) error = NULL;
  folder = g_dir_make_tmp ("gonio-pipeline-XXXXXX", &error);
  g_assert_no_error (error);
  g_test_add_func ("/pipeline/sample", test_sample);
  g_test_add_func ("/pipeline/variants", test_variants);
  g_test_add_func ("/pipeline/attempts", test_attempts);
  g_test_add_func ("/pipeline/many", test_many);
  g_test_add_func ("/pipeline/jobs", test_jobs);
  g_test_add_func ("/pipeline/corners", test_corners);
  g_test_add_func ("/pipeline/nothing-to-see", test_nothing_to_see);
  g_test_add_func ("/pipeline/stated-side", test_stated_side);
  g_test_add_func ("/pipeline/errors", test_errors);
  g_test_add_func ("/pipeline/broken-user-files", test_broken_user_files);
  g_test_add_func ("/pipeline/protocol-without-model", test_protocol_without_model);
  g_test_add_func ("/pipeline/incomplete", test_incomplete);
  g_test_add_func ("/pipeline/refused-by-tag", test_refused_by_tag);
  g_test_add_func ("/pipeline/no-models", test_no_models);
  g_test_add_func ("/pipeline/changed-model", test_changed_model);
  g_test_add_func ("/pipeline/async", test_async);
  g_test_add_func ("/pipeline/async-orphan", test_async_orphan);
  int status = g_test_run ();
  remove_tree (folder);
  g_free (folder);
  return status;
}
