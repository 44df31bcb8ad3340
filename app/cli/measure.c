/* gonio-cli measure: pictures in, angles out, as a table and as JSON. */
#include "app/cli/cli.h"

#include "app/backends.h"
#include "app/data-dirs.h"
#include "core/base/error.h"
#include "core/pipeline/pipeline.h"

#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

typedef struct {
  char *protocol, *side, *backends, *precision, *json, *overlay;
  int threads;
  gboolean no_dewarp;
} Args;

static void
args_clear (Args *args)
{
  g_free (args->protocol);
  g_free (args->side);
  g_free (args->backends);
  g_free (args->precision);
  g_free (args->json);
  g_free (args->overlay);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Args, args_clear)

/* ---- the table ---- */

static const char *
state_words (GonioResultState state)
{
  switch (state) {
  case GONIO_STATE_TO_CHECK:
    return "to check";
  case GONIO_STATE_NO_ANSWER:
    return "no answer";
  case GONIO_STATE_FAILED:
    return "failed";
  case GONIO_STATE_QUEUED:
  case GONIO_STATE_WORKING:
  case GONIO_STATE_CONFIRMED:
    break;
  }
  return gonio_result_state_name (state);
}

static const char *
grade_words (const GonioProtocol *protocol, guint row, const GonioMeasurement *m)
{
  for (guint i = 0; m->grade != NULL && i < gonio_protocol_n_grades (protocol, row); i++) {
    GonioGradeText grade = gonio_protocol_grade (protocol, row, i, NULL);
    if (g_str_equal (grade.id, m->grade))
      return grade.label;
  }
  gboolean any = isfinite (m->reference_low) || isfinite (m->reference_high);
  return !any ? "" : m->in_reference ? "in reference" : "outside reference";
}

static char *
reference_words (const GonioMeasureText *text)
{
  if (isfinite (text->reference_low) && isfinite (text->reference_high))
    return g_strdup_printf ("reference %g to %g", text->reference_low, text->reference_high);
  if (isfinite (text->reference_high))
    return g_strdup_printf ("reference below %g", text->reference_high);
  if (isfinite (text->reference_low))
    return g_strdup_printf ("reference above %g", text->reference_low);
  return g_strdup ("");
}

/* Left-aligned to width characters, which printf counts in bytes. */
static void
print_column (const char *text, long width)
{
  gonio_cli_print ("%s", text);
  for (long n = g_utf8_strlen (text, -1); n < width; n++)
    gonio_cli_print (" ");
}

static void
print_measure (const GonioProtocol *protocol, const GonioMeasurement *m)
{
  int row = gonio_protocol_find_measure (protocol, m->id);
  if (row < 0)
    return;
  GonioMeasureText text = gonio_protocol_measure (protocol, (guint)row, NULL);
  const char *side = gonio_side_name (m->side);
  gonio_cli_print ("  ");
  print_column (text.abbreviation, 8);
  print_column (gonio_protocol_has_both_sides (protocol) && side != NULL ? side : "", 6);
  if (!m->valid) {
    gonio_cli_print ("%s\n", m->problem != NULL ? m->problem : "not measured");
    return;
  }
  g_autofree char *value = gonio_protocol_format_value (protocol, (guint)row, m->value);
  g_autofree char *error =
      isfinite (m->se) ? g_strdup_printf ("±%.1f", 1.96 * m->se) : g_strdup ("");
  g_autofree char *reference = reference_words (&text);
  print_column (value, 9);
  print_column (error, 7);
  print_column (grade_words (protocol, (guint)row, m), 26);
  print_column (reference, 24);
  if (isfinite (m->human_error))
    gonio_cli_print ("readers ±%.3g  ", m->human_error);
  gonio_cli_print ("%s%s\n", m->low_confidence ? "low confidence  " : "",
                   text.reliability != NULL ? "low reliability" : "");
}

/* What was tried, where that did not lead to an answer. */
static void
print_attempts (const GonioResult *r)
{
  if (r->refusal == NULL)
    return;
  gonio_cli_print ("  refused: %s", r->refusal);
  if (r->view != NULL)
    gonio_cli_print ("; view: %s %.2f", r->view, r->view_confidence);
  for (guint i = 0; i < r->attempts->len; i++) {
    const GonioAttempt *a = r->attempts->pdata[i];
    gonio_cli_print ("; %s: %u of %u landmarks, presence %.2f, confidence %.2f", a->view, a->found,
                     a->landmarks, a->presence, a->confidence);
  }
  gonio_cli_print ("\n");
}

static void
print_result (const GonioResult *r, const GonioProtocol *protocol)
{
  gonio_cli_print ("%s: ", r->file);
  if (protocol != NULL) {
    gonio_cli_print ("%s", gonio_protocol_title (protocol, NULL));
    if (r->side == GONIO_SIDE_BOTH)
      gonio_cli_print (", both sides");
    else if (r->side != GONIO_SIDE_UNKNOWN)
      gonio_cli_print (", %s (%s)", gonio_side_name (r->side),
                       r->side_source != NULL ? r->side_source : "?");
    if (!g_str_equal (r->rectification.kind, "none"))
      gonio_cli_print (", rectified (%s, tilt %.0f°)", r->rectification.kind,
                       r->rectification.tilt_deg);
    gonio_cli_print ("; ");
  }
  gonio_cli_print ("%s", state_words (r->state));
  for (guint i = 0; i < r->reasons->len; i++)
    gonio_cli_print ("%s%s", i == 0 ? ": " : "; ", (const char *)r->reasons->pdata[i]);
  gonio_cli_print ("\n");
  print_attempts (r);
  for (guint i = 0; protocol != NULL && i < r->measures->len; i++)
    print_measure (protocol, r->measures->pdata[i]);
}

/* Where the networks ran, and why not elsewhere: of the last picture that went through any. */
static void
print_backends (const GPtrArray *results)
{
  const GonioResult *r = NULL;
  for (guint i = results->len; i > 0 && r == NULL; i--)
    if (((const GonioResult *)results->pdata[i - 1])->models->len > 0)
      r = results->pdata[i - 1];
  for (guint i = 0; r != NULL && i < r->models->len; i++) {
    const GonioModelUse *use = r->models->pdata[i];
    gonio_cli_print ("%s%s %s", i == 0 ? "networks: " : "; ", use->id,
                     use->placement != NULL ? use->placement : "");
  }
  if (r != NULL)
    gonio_cli_print ("\n");
  for (guint i = 0; r != NULL && r->left_out != NULL && r->left_out[i] != NULL; i++)
    gonio_cli_print ("not on %s\n", r->left_out[i]);
}

/* ---- files ---- */

/* DIR/<name of the picture>.png; a name that was used before gets a number. */
static char *
overlay_path (const char *dir, const char *file, GHashTable *used)
{
  g_autofree char *base = g_path_get_basename (file);
  char *dot = strrchr (base, '.');
  if (dot != NULL && dot != base)
    *dot = '\0';
  for (guint n = 1;; n++) {
    g_autofree char *name =
        n == 1 ? g_strdup_printf ("%s.png", base) : g_strdup_printf ("%s-%u.png", base, n);
    if (g_hash_table_add (used, g_strdup (name)))
      return g_build_filename (dir, name, NULL);
  }
}

static GonioResult *
failed_result (const char *path, const GError *error)
{
  g_autofree char *name = g_filename_display_name (path);
  GonioResult *result = gonio_result_new (name);
  result->state = GONIO_STATE_FAILED;
  result->error = g_strdup (error->message);
  result->program_version = g_strdup (GONIO_VERSION);
  return result;
}

typedef struct {
  GonioPipeline *pipeline;
  const char *const *paths; /* NULL-terminated */
  const Args *args;
  GonioMeasureOptions options;
  gboolean table;
  GHashTable *overlays; /* names used */
  GPtrArray *results;
  GonioExit exit;
} Batch;

static void
note_failure (Batch *batch, const GError *error)
{
  GonioExit code = gonio_cli_fail (error);
  batch->exit = MAX (batch->exit, code);
}

static void
take_output (guint index, GonioPipelineOutput *output, const GError *failure, gpointer data)
{
  Batch *batch = data;
  const char *path = batch->paths[index];
  g_autoptr (GError) error = NULL;
  if (output == NULL) {
    g_autofree char *name = g_filename_display_name (path);
    error = g_error_copy (failure);
    g_prefix_error (&error, "%s: ", name);
    note_failure (batch, error);
    g_ptr_array_add (batch->results, failed_result (path, error));
    return;
  }
  g_ptr_array_add (batch->results, gonio_result_ref (output->result));
  if (batch->table)
    print_result (output->result, output->protocol);
  if (batch->args->overlay == NULL)
    return;
  g_autofree char *png = overlay_path (batch->args->overlay, path, batch->overlays);
  if (!gonio_overlay_write_png (output, png, &error))
    note_failure (batch, error);
}

static gboolean
write_json (const Batch *batch, GError **error)
{
  if (batch->args->json == NULL)
    return TRUE;
  g_autofree char *text = gonio_results_to_string (batch->results);
  if (g_str_equal (batch->args->json, "-")) {
    gonio_cli_print ("%s\n", text);
    return TRUE;
  }
  g_autofree char *line = g_strconcat (text, "\n", NULL);
  return g_file_set_contents (batch->args->json, line, -1, error);
}

/* ---- setting up ---- */

static GonioPipeline *
open_pipeline (const Args *args, guint n_files, GError **error)
{
  GonioPrecision precision = GONIO_PRECISION_FP32;
  if (!gonio_cli_parse_precision (args->precision, &precision, error))
    return NULL;
  g_autoptr (GPtrArray) choices = NULL;
  g_autofree const GonioBackendDef **backends =
      gonio_cli_choose_backends (args->backends, precision, FALSE, &choices, error);
  if (backends == NULL)
    return NULL;
  g_auto (GStrv) left_out = gonio_backend_choices_left_out (choices);
  g_auto (GStrv) dirs = gonio_data_dirs ();
  g_auto (GStrv) models = gonio_data_subdirs ((const char *const *)dirs, "models");
  g_auto (GStrv) protocols = gonio_data_subdirs ((const char *const *)dirs, "protocols");
  guint threads = (guint)MAX (0, args->threads);
  const char *choice = args->backends != NULL ? args->backends : "auto";
  const GonioPipelineOptions options = {.backends = backends,
                                        .backend_choice = choice,
                                        .evaluate = gonio_backends_evaluate,
                                        .threads = threads,
                                        .precision = precision,
                                        .jobs = gonio_pipeline_jobs (threads, n_files),
                                        .model_dirs = (const char *const *)models,
                                        .protocol_dirs = (const char *const *)protocols,
                                        .left_out = (const char *const *)left_out};
  GonioPipeline *pipeline = gonio_pipeline_new (&options, error);
  if (pipeline == NULL)
    return NULL;
  GPtrArray *problems = gonio_pipeline_problems (pipeline);
  for (guint i = 0; i < problems->len; i++)
    g_printerr ("gonio-cli: passed over: %s\n", (const char *)problems->pdata[i]);
  return pipeline;
}

/* FALSE and the usage error was printed. */
static gboolean
read_options (const Args *args, GonioPipeline *pipeline, GonioMeasureOptions *options)
{
  if (args->side != NULL && !g_str_equal (args->side, "left") &&
      !g_str_equal (args->side, "right")) {
    gonio_cli_usage ("--side takes left or right, not \"%s\"", args->side);
    return FALSE;
  }
  if (args->side != NULL)
    options->side = g_str_equal (args->side, "left") ? GONIO_SIDE_LEFT : GONIO_SIDE_RIGHT;
  options->rectify = args->no_dewarp ? GONIO_RECTIFY_OFF : GONIO_RECTIFY_AUTO;
  options->protocol = args->protocol;
  if (args->protocol == NULL || g_str_equal (args->protocol, "auto") ||
      gonio_pipeline_find_protocol (pipeline, args->protocol) != NULL)
    return TRUE;
  g_autoptr (GString) known = g_string_new ("auto");
  GPtrArray *protocols = gonio_pipeline_protocols (pipeline);
  for (guint i = 0; i < protocols->len; i++)
    g_string_append_printf (known, ", %s", gonio_protocol_id (protocols->pdata[i]));
  gonio_cli_usage ("there is no protocol \"%s\"; known: %s", args->protocol, known->str);
  return FALSE;
}

GonioExit
gonio_cli_measure (const GonioCommand *command, int argc, char **argv)
{
  g_auto (Args) args = {0};
  const GOptionEntry entries[] = {
      {"protocol", 'p', 0, G_OPTION_ARG_STRING, &args.protocol,
       "what to measure; auto: what the picture shows (auto)", "ID"},
      {"side", 's', 0, G_OPTION_ARG_STRING, &args.side, "left or right, when it is known", "SIDE"},
      {"no-dewarp", 0, 0, G_OPTION_ARG_NONE, &args.no_dewarp, "leave photos as they are", NULL},
      {"backend", 'b', 0, G_OPTION_ARG_STRING, &args.backends,
       "backends in order of preference (auto)", "LIST"},
      {"precision", 0, 0, G_OPTION_ARG_STRING, &args.precision,
       "what graphics cards store floats in, fp32 or fp16 (fp32)", "BITS"},
      {"threads", 't', 0, G_OPTION_ARG_INT, &args.threads, "threads (0: physical cores)", "N"},
      {"json", 'j', 0, G_OPTION_ARG_FILENAME, &args.json,
       "write results as JSON; -: to standard output, instead of the table", "OUT"},
      {"overlay", 'o', 0, G_OPTION_ARG_FILENAME, &args.overlay,
       "write each picture with its measurement drawn as PNG there", "DIR"},
      G_OPTION_ENTRY_NULL,
  };
  GonioExit stop = GONIO_EXIT_DONE;
  if (!gonio_cli_parse (command, entries, NULL, 1, -1, &argc, &argv, &stop))
    return stop;
  g_autoptr (GError) error = NULL;
  g_autoptr (GonioPipeline) pipeline = open_pipeline (&args, (guint)argc - 1, &error);
  if (pipeline == NULL)
    return gonio_cli_fail (error);
  Batch batch = {.pipeline = pipeline,
                 .paths = (const char *const *)argv + 1,
                 .args = &args,
                 .exit = GONIO_EXIT_DONE};
  if (!read_options (&args, pipeline, &batch.options))
    return GONIO_EXIT_USAGE;
  if (args.overlay != NULL && g_mkdir_with_parents (args.overlay, 0777) != 0)
    return gonio_cli_usage ("the folder \"%s\" cannot be made", args.overlay);

  batch.table = g_strcmp0 (args.json, "-") != 0;
  batch.overlays = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  batch.results = g_ptr_array_new_with_free_func ((GDestroyNotify)gonio_result_unref);
  gonio_pipeline_measure_all (pipeline, batch.paths, &batch.options, take_output, &batch, NULL);
  if (batch.table)
    print_backends (batch.results);
  if (!write_json (&batch, &error))
    note_failure (&batch, error);
  g_hash_table_unref (batch.overlays);
  g_ptr_array_unref (batch.results);
  return batch.exit;
}
