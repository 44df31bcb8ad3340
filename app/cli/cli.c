/* Errors, options and inputs shared by the sub-commands. */
#include "app/cli/cli.h"

#include "app/backends.h"
#include "core/base/error.h"
#include "core/onnx/load.h"

#include <stdio.h>
#include <string.h>

#define MAX_TIMEOUT 86400
#define MAX_MEMORY  ((gint64)1 << 30) /* MiB */

void
gonio_cli_print (const char *format, ...)
{
  va_list args;
  va_start (args, format);
  vfprintf (stdout, format, args);
  va_end (args);
}

GonioExit
gonio_cli_fail (const GError *error)
{
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED) && gonio_cli_timed_out () > 0)
    fprintf (stderr, "gonio-cli: stopped after %d s (--timeout): %s\n", gonio_cli_timed_out (),
             error->message);
  else
    fprintf (stderr, "gonio-cli: %s\n", error->message);
  if (error->domain == G_OPTION_ERROR)
    return GONIO_EXIT_USAGE;
  if (error->domain == GONIO_LOAD_ERROR || error->domain == GONIO_IMAGE_ERROR ||
      error->domain == GONIO_MODEL_ERROR || error->domain == GONIO_MEASURE_ERROR ||
      error->domain == G_FILE_ERROR || error->domain == G_IO_ERROR)
    return GONIO_EXIT_INPUT;
  if (error->domain == GONIO_RUN_ERROR && error->code != GONIO_RUN_ERROR_CHECK)
    return GONIO_EXIT_INPUT;
  return GONIO_EXIT_INTERNAL;
}

GonioExit
gonio_cli_usage (const char *format, ...)
{
  va_list args;
  va_start (args, format);
  g_autofree char *text = g_strdup_vprintf (format, args);
  va_end (args);
  fprintf (stderr, "gonio-cli: %s\n", text);
  return GONIO_EXIT_USAGE;
}

/* ---- options ---- */

void
gonio_cli_session_clear (GonioCliSession *args)
{
  g_clear_pointer (&args->backends, g_free);
  g_clear_pointer (&args->precision, g_free);
  g_clear_pointer (&args->level, g_free);
  g_clear_pointer (&args->disabled, g_strfreev);
  g_clear_pointer (&args->dump_dir, g_free);
  g_clear_pointer (&args->log_level, g_free);
}

static void
add_session_entries (GOptionContext *context, GonioCliSession *session)
{
  const GOptionEntry entries[] = {
      {"backend", 'b', 0, G_OPTION_ARG_STRING, &session->backends,
       "backends in order of preference (auto)", "LIST"},
      {"precision", 0, 0, G_OPTION_ARG_STRING, &session->precision,
       "what graphics cards store floats in, fp32 or fp16 (fp32)", "BITS"},
      {"threads", 't', 0, G_OPTION_ARG_INT, &session->threads, "threads (0: physical cores)", "N"},
      {"optimize", 'O', 0, G_OPTION_ARG_STRING, &session->level,
       "disabled, basic, extended or all (all)", "LEVEL"},
      {"disable-pass", 0, 0, G_OPTION_ARG_STRING_ARRAY, &session->disabled,
       "leave out the pass of this name; may be repeated", "PASS"},
      {"dump-dir", 0, 0, G_OPTION_ARG_FILENAME, &session->dump_dir,
       "write the graph after each pass there", "DIR"},
      {"log-level", 0, 0, G_OPTION_ARG_STRING, &session->log_level,
       "warning, info or debug (warning), on stderr", "LEVEL"},
      {"check-values", 0, 0, G_OPTION_ARG_NONE, &session->check_values,
       "stop at the first node that makes NaN or an infinity; without -O, no optimisation", NULL},
      {"strict", 0, 0, G_OPTION_ARG_NONE, &session->strict,
       "fail when a node cannot run on the first backend", NULL},
      {"max-memory", 0, 0, G_OPTION_ARG_INT64, &session->max_memory,
       "what the model may take, in MiB (0: three quarters of the machine's)", "MIB"},
      {"max-rounds", 0, 0, G_OPTION_ARG_INT64, &session->max_rounds,
       "rounds of all loops in one run together (0: 10000000)", "N"},
      G_OPTION_ENTRY_NULL,
  };
  const GOptionEntry timeout[] = {
      {"timeout", 0, 0, G_OPTION_ARG_INT, &session->timeout,
       "stop after so long and say at which node (0: never)", "SECONDS"},
      G_OPTION_ENTRY_NULL,
  };
  g_option_context_add_main_entries (context, entries, NULL);
  if (!session->own_timeout)
    g_option_context_add_main_entries (context, timeout, NULL);
}

gboolean
gonio_cli_parse (const GonioCommand *command, const GOptionEntry *entries, GonioCliSession *session,
                 int min_rest, int max_rest, int *argc, char ***argv, GonioExit *out_exit)
{
  g_autoptr (GError) error = NULL;
  gboolean help = FALSE;
  const GOptionEntry own[] = {
      {"help", 'h', 0, G_OPTION_ARG_NONE, &help, "show this", NULL},
      G_OPTION_ENTRY_NULL,
  };
  g_autoptr (GOptionContext) context = g_option_context_new (command->arguments);
  g_option_context_set_help_enabled (context, FALSE);
  g_option_context_set_summary (context, command->summary);
  g_option_context_add_main_entries (context, own, NULL);
  if (entries != NULL)
    g_option_context_add_main_entries (context, entries, NULL);
  if (session != NULL)
    add_session_entries (context, session);
  if (!g_option_context_parse (context, argc, argv, &error)) {
    *out_exit = gonio_cli_fail (error);
    return FALSE;
  }
  if (help) {
    g_autofree char *text = g_option_context_get_help (context, TRUE, NULL);
    gonio_cli_print ("%s", text);
    *out_exit = GONIO_EXIT_DONE;
    return FALSE;
  }
  int rest = *argc - 1;
  if (rest > 0 && strcmp ((*argv)[1], "--") == 0) {
    memmove (*argv + 1, *argv + 2, (gsize)rest * sizeof **argv);
    *argc -= 1;
    rest--;
  }
  if (rest < min_rest || (max_rest >= 0 && rest > max_rest)) {
    *out_exit =
        gonio_cli_usage ("wrong number of arguments; usage: %s %s", (*argv)[0], command->arguments);
    return FALSE;
  }
  return TRUE;
}

static gboolean
parse_level (const char *text, GonioOptLevel *out_level, GError **error)
{
  static const char *const names[] = {"disabled", "basic", "extended", "all"};
  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    if (text == NULL || g_str_equal (text, names[i])) {
      *out_level = text == NULL ? GONIO_OPT_ALL : (GonioOptLevel)i;
      return TRUE;
    }
  }
  g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
               "there is no optimisation level '%s'; there are disabled, basic, extended, all",
               text);
  return FALSE;
}

gboolean
gonio_cli_parse_precision (const char *text, GonioPrecision *out_precision, GError **error)
{
  GonioPrecision precision = GONIO_PRECISION_FP32;
  if (text != NULL && !gonio_precision_parse (text, &precision)) {
    g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                 "there is no precision '%s'; there are fp32, fp16", text);
    return FALSE;
  }
  *out_precision = precision;
  return TRUE;
}

static gboolean
parse_log_level (const char *text, GLogLevelFlags *out_level, GError **error)
{
  static const struct {
    const char *name;
    GLogLevelFlags level;
  } rows[] = {
      {"warning", G_LOG_LEVEL_WARNING}, {"info", G_LOG_LEVEL_INFO}, {"debug", G_LOG_LEVEL_DEBUG}};
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    if (text != NULL && !g_str_equal (text, rows[i].name))
      continue;
    /* GLib drops info and debug messages unless their domain is asked for. */
    if (i > 0)
      g_setenv ("G_MESSAGES_DEBUG", "gonio-session", TRUE);
    *out_level = rows[i].level;
    return TRUE;
  }
  g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
               "there is no log level '%s'; there are warning, info, debug", text);
  return FALSE;
}

static gboolean
check_pass_names (char **names, GError **error)
{
  for (guint i = 0; names != NULL && names[i] != NULL; i++) {
    g_autoptr (GString) known = g_string_new (NULL);
    gboolean found = FALSE;
    for (const GonioPass *pass = gonio_passes (); pass->name != NULL; pass++) {
      found |= g_str_equal (pass->name, names[i]);
      g_string_append_printf (known, "%s%s", known->len ? ", " : "", pass->name);
    }
    if (!found) {
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                   "there is no pass '%s'; there are %s", names[i], known->str);
      return FALSE;
    }
  }
  return TRUE;
}

const GonioBackendDef **
gonio_cli_choose_backends (const char *list, GonioPrecision precision, gboolean strict,
                           GPtrArray **out_choices, GError **error)
{
  g_autoptr (GPtrArray) choices = NULL;
  g_autofree const GonioBackendDef **backends =
      gonio_backends_choose_for (list, precision, &choices, NULL, error);
  gboolean named = list != NULL && !g_str_equal (list, "auto");
  for (guint i = 0; backends != NULL && named && i < choices->len; i++) {
    const GonioBackendChoice *choice = g_ptr_array_index (choices, i);
    if (choice->taken)
      continue;
    if (strict) {
      g_set_error (error, GONIO_BACKEND_ERROR, GONIO_BACKEND_ERROR_UNAVAILABLE, "backend '%s': %s",
                   choice->name, choice->reason);
      return NULL;
    }
    fprintf (stderr, "gonio-cli: backend '%s' is left out: %s\n", choice->name, choice->reason);
  }
  if (backends != NULL && out_choices != NULL)
    *out_choices = g_steal_pointer (&choices);
  return g_steal_pointer (&backends);
}

gboolean
gonio_cli_session_options (const GonioCliSession *args, GonioSessionOptions *out_options,
                           const GonioBackendDef ***out_backends, GError **error)
{
  GonioSessionOptions options = GONIO_SESSION_OPTIONS_DEFAULT;
  if (args->threads < 0 || args->threads > 1024) {
    g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                 "--threads must lie in 0 to 1024, not %d", args->threads);
    return FALSE;
  }
  if (args->timeout < 0 || args->timeout > MAX_TIMEOUT || args->max_rounds < 0 ||
      args->max_memory < 0 || args->max_memory > MAX_MEMORY) {
    g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                 "--timeout must lie in 0 to %d, --max-memory in 0 to %" G_GINT64_FORMAT
                 ", --max-rounds must not be negative",
                 MAX_TIMEOUT, MAX_MEMORY);
    return FALSE;
  }
  /* A search for the guilty node is to name the model's own nodes. */
  const char *level = args->level == NULL && args->check_values ? "disabled" : args->level;
  if (!parse_level (level, &options.optimization, error) ||
      !parse_log_level (args->log_level, &options.log_level, error) ||
      !gonio_cli_parse_precision (args->precision, &options.precision, error) ||
      !check_pass_names (args->disabled, error))
    return FALSE;
  const GonioBackendDef **backends =
      gonio_cli_choose_backends (args->backends, options.precision, args->strict, NULL, error);
  if (backends == NULL)
    return FALSE;
  options.backends = backends;
  options.evaluate = gonio_backends_evaluate;
  options.threads = (guint)args->threads;
  options.disabled_passes = (const char *const *)args->disabled;
  options.dump_dir = args->dump_dir;
  options.strict = args->strict;
  options.check_values = args->check_values;
  options.max_memory = (size_t)args->max_memory << 20;
  options.max_rounds = (guint64)args->max_rounds;
  gonio_cli_start_timeout (args->timeout);
  *out_options = options;
  *out_backends = backends;
  return TRUE;
}

/* ---- inputs ---- */

gboolean
gonio_cli_free_dimension (char **dims, const char *symbol, int64_t *out_size, GError **error)
{
  *out_size = 1;
  for (guint i = 0; dims != NULL && symbol != NULL && dims[i] != NULL; i++) {
    const char *equals = strrchr (dims[i], '=');
    guint64 size;
    if (equals == NULL ||
        !g_ascii_string_to_unsigned (equals + 1, 10, 0, G_MAXINT32, &size, NULL)) {
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                   "--dim wants NAME=SIZE, not '%s'", dims[i]);
      return FALSE;
    }
    if (strlen (symbol) == (gsize)(equals - dims[i]) &&
        strncmp (symbol, dims[i], (gsize)(equals - dims[i])) == 0)
      *out_size = (int64_t)size;
  }
  return TRUE;
}

/* xorshift64*, so that every machine gets the same inputs. */
static guint64
next_random (guint64 *state)
{
  *state ^= *state >> 12;
  *state ^= *state << 25;
  *state ^= *state >> 27;
  return *state * G_GUINT64_CONSTANT (0x2545f4914f6cdd1d);
}

static void
fill_seeded (GonioTensor *tensor, guint64 *state)
{
  GonioDType dtype = gonio_tensor_dtype (tensor);
  void *data = gonio_tensor_writable_data (tensor);
  for (int64_t i = 0; i < gonio_tensor_count (tensor); i++) {
    guint64 bits = next_random (state) >> 40; /* 24 bits: exact in a float */
    float value = (float)bits * 0x1p-23f - 1.0f;
    switch (dtype) {
    case GONIO_DTYPE_FLOAT:
      ((float *)data)[i] = value;
      break;
    case GONIO_DTYPE_DOUBLE:
      ((double *)data)[i] = (double)value;
      break;
    case GONIO_DTYPE_FLOAT16:
      ((guint16 *)data)[i] = gonio_float_to_half (value);
      break;
    case GONIO_DTYPE_BFLOAT16:
      ((guint16 *)data)[i] = gonio_float_to_bfloat16 (value);
      break;
    case GONIO_DTYPE_INT64:
    case GONIO_DTYPE_UINT64:
      ((gint64 *)data)[i] = bits & 1;
      break;
    case GONIO_DTYPE_INT32:
    case GONIO_DTYPE_UINT32:
      ((gint32 *)data)[i] = bits & 1;
      break;
    case GONIO_DTYPE_INT16:
    case GONIO_DTYPE_UINT16:
      ((gint16 *)data)[i] = bits & 1;
      break;
    case GONIO_DTYPE_INT8:
    case GONIO_DTYPE_UINT8:
    case GONIO_DTYPE_BOOL:
      ((gint8 *)data)[i] = bits & 1;
      break;
    default: /* the rest stays zero or empty */
      break;
    }
  }
}

GPtrArray *
gonio_cli_random_inputs (GonioSession *session, char **dims, int seed, GError **error)
{
  g_autoptr (GPtrArray) inputs =
      g_ptr_array_new_with_free_func ((GDestroyNotify)gonio_tensor_unref);
  guint64 state = G_GUINT64_CONSTANT (0x9e3779b97f4a7c15) + (guint)seed;
  guint n;
  const GonioPort *ports = gonio_session_inputs (session, &n);
  for (guint i = 0; i < n; i++) {
    if (ports[i].kind != GONIO_KIND_TENSOR) {
      GonioTensor *empty = gonio_list_new (ports[i].kind, ports[i].dtype, NULL, 0, error);
      if (empty == NULL)
        return NULL;
      g_ptr_array_add (inputs, empty);
      continue;
    }
    GonioShape shape = {.rank = ports[i].shape.has_rank ? ports[i].shape.rank : 0};
    for (int d = 0; d < shape.rank; d++) {
      GonioDim dim = ports[i].shape.dims[d];
      shape.dims[d] = dim.value;
      if (dim.value < 0 && !gonio_cli_free_dimension (dims, dim.symbol, &shape.dims[d], error))
        return NULL;
    }
    GonioTensor *tensor = gonio_tensor_new_zeroed (
        ports[i].dtype != GONIO_DTYPE_NONE ? ports[i].dtype : GONIO_DTYPE_FLOAT, &shape, error);
    if (tensor == NULL)
      return NULL;
    fill_seeded (tensor, &state);
    g_ptr_array_add (inputs, tensor);
  }
  return g_steal_pointer (&inputs);
}

GPtrArray *
gonio_cli_seeded_inputs (GonioSession *session, char **dims, GError **error)
{
  return gonio_cli_random_inputs (session, dims, 0, error);
}

GPtrArray *
gonio_cli_input_names (GonioSession *session)
{
  GPtrArray *names = g_ptr_array_new ();
  guint n;
  const GonioPort *ports = gonio_session_inputs (session, &n);
  for (guint i = 0; i < n; i++)
    g_ptr_array_add (names, (gpointer)ports[i].name);
  return names;
}

GonioTensor *
gonio_cli_load_value (const char *path, GonioKind kind, GonioDType dtype, GError **error)
{
  if (g_str_has_suffix (path, ".npy")) {
    g_autoptr (GError) local = NULL;
    GonioTensor *tensor = gonio_tensor_load_npy (path, error);
    if (tensor != NULL && (tensor = gonio_cli_fit_npy (tensor, dtype, &local)) == NULL)
      g_propagate_prefixed_error (error, g_steal_pointer (&local), "%s: ", path);
    return tensor;
  }
  if (g_str_has_suffix (path, ".pb"))
    return gonio_onnx_load_value_pb (path, kind, error);
  g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
               "%s: a tensor file must end in .npy or .pb", path);
  return NULL;
}
