/* gonio-cli model compare: every value of a model on two backends, or against the .npy files
 * that another framework left in a folder. */
#include "app/backends.h"
#include "app/cli/values.h"
#include "core/tensor/statistics.h"

#include <math.h>

typedef struct {
  double rtol, atol;   /* as numpy.testing.assert_allclose */
  double rtol_largest; /* of the value's largest magnitude; NAN: not asked for */
  char *first;         /* the first value that differs too much, with its node */
  guint n_values, n_diverging;
} Verdict;

/* The named backend first, the reference for what it cannot run. */
static gboolean
run_side (const char *model, const char *backend, GonioSessionOptions options,
          const GonioCliInputs *inputs, GonioCliValues *values, GError **error)
{
  const GonioBackendDef *const *all = gonio_backends ();
  const GonioBackendDef *last = NULL;
  for (guint i = 0; all[i] != NULL; i++)
    last = all[i];
  g_autofree char *list = g_str_equal (backend, last->name)
                              ? g_strdup (backend)
                              : g_strdup_printf ("%s,%s", backend, last->name);
  g_autofree const GonioBackendDef **backends =
      gonio_cli_choose_backends (list, options.precision, TRUE, NULL, error);
  if (backends == NULL)
    return FALSE;
  options.backends = backends;
  options.keep_islands = TRUE; /* what is compared is to run there */
  return gonio_cli_values_run (model, &options, inputs, values, error);
}

static char *
form_text (const GonioTensor *tensor)
{
  g_autofree char *shape = gonio_shape_to_string (gonio_tensor_shape (tensor));
  return g_strdup_printf ("%s %s", gonio_dtype_name (gonio_tensor_dtype (tensor)), shape);
}

/* What is wrong with a value that diverges. */
static char *
explain (const GonioCliValue *row, const GonioTensor *wanted, const GonioTensorDistance *d)
{
  if (!d->same_form || gonio_tensor_dtype (row->tensor) != gonio_tensor_dtype (wanted)) {
    g_autofree char *mine = form_text (row->tensor);
    g_autofree char *theirs = form_text (wanted);
    return g_strdup_printf ("'%s' of %s '%s': is %s, expected %s", row->name, row->op, row->node,
                            mine, theirs);
  }
  return g_strdup_printf ("'%s' of %s '%s': %" G_GINT64_FORMAT " of %" G_GINT64_FORMAT
                          " differ, max abs %.4g, max rel %.4g; number %" G_GINT64_FORMAT
                          " is %.9g, expected %.9g",
                          row->name, row->op, row->node, d->n_wrong, d->n_numbers, d->max_abs,
                          d->max_rel, d->first_wrong, d->got, d->wanted);
}

static void
judge (const GonioCliValue *row, const GonioTensor *wanted, gboolean same_type, Verdict *verdict)
{
  GonioTensorDistance d = gonio_tensor_distance (row->tensor, wanted, verdict->rtol, verdict->atol);
  g_autofree char *shape = gonio_shape_to_string (gonio_tensor_shape (row->tensor));
  if (same_type && gonio_tensor_dtype (row->tensor) != gonio_tensor_dtype (wanted))
    d.same_form = FALSE;
  gboolean diverges = !d.same_form || d.n_wrong > 0;
  if (d.same_form && !isnan (verdict->rtol_largest) &&
      gonio_tensor_dtype (wanted) != GONIO_DTYPE_STRING)
    diverges = d.max_abs > verdict->atol + verdict->rtol_largest * d.largest;
  gonio_cli_print ("%-12.4g %-12.4g %-10" G_GINT64_FORMAT " %s %-20s %-20s %s\n", d.max_abs,
                   d.max_rel, d.n_wrong, diverges ? "!" : " ", row->op, shape, row->name);
  verdict->n_values++;
  verdict->n_diverging += diverges;
  if (diverges && verdict->first == NULL)
    verdict->first = explain (row, wanted, &d);
}

/* Items of a list that the other backend made longer or shorter. */
static void
count_missing (const char *name, const char *backend, Verdict *verdict)
{
  verdict->n_values++;
  verdict->n_diverging++;
  if (verdict->first == NULL)
    verdict->first = g_strdup_printf ("'%s': %s has no such value", name, backend);
}

static void
print_head (void)
{
  gonio_cli_print ("%-12s %-12s %-10s   %-20s %-20s %s\n", "max_abs", "max_rel", "differ", "op",
                   "shape", "value");
}

static GonioExit
conclude (Verdict *verdict)
{
  g_autofree char *first = g_steal_pointer (&verdict->first);
  if (first != NULL) {
    gonio_cli_print ("%u of %u values diverge\nfirst divergence: %s\n", verdict->n_diverging,
                     verdict->n_values, first);
    return GONIO_EXIT_INPUT;
  }
  gonio_cli_print ("no divergence in %u values (", verdict->n_values);
  if (isnan (verdict->rtol_largest))
    gonio_cli_print ("rtol %g, atol %g)\n", verdict->rtol, verdict->atol);
  else
    gonio_cli_print ("%g of the largest magnitude, atol %g)\n", verdict->rtol_largest,
                     verdict->atol);
  return GONIO_EXIT_DONE;
}

static gboolean
compare_backends (const char *model, char **names, const GonioSessionOptions *options,
                  const GonioCliInputs *inputs, Verdict *verdict, GError **error)
{
  g_auto (GonioCliValues) a = {0};
  g_auto (GonioCliValues) b = {0};
  if (!run_side (model, g_strstrip (names[0]), *options, inputs, &a, error) ||
      !run_side (model, g_strstrip (names[1]), *options, inputs, &b, error))
    return FALSE;
  g_autoptr (GHashTable) other = g_hash_table_new (g_str_hash, g_str_equal);
  for (guint i = 0; i < b.rows->len; i++) {
    const GonioCliValue *row = &g_array_index (b.rows, GonioCliValue, i);
    g_hash_table_insert (other, (gpointer)row->name, (gpointer)row->tensor);
  }
  print_head ();
  for (guint i = 0; i < a.rows->len; i++) {
    const GonioCliValue *row = &g_array_index (a.rows, GonioCliValue, i);
    const GonioTensor *wanted = g_hash_table_lookup (other, row->name);
    if (wanted != NULL)
      judge (row, wanted, TRUE, verdict);
    else
      count_missing (row->name, names[1], verdict);
    g_hash_table_remove (other, row->name);
  }
  GHashTableIter iter;
  gpointer name;
  g_hash_table_iter_init (&iter, other);
  while (g_hash_table_iter_next (&iter, &name, NULL))
    count_missing (name, names[0], verdict);
  return TRUE;
}

static gboolean
compare_folder (const char *model, const char *dir, const GonioSessionOptions *options,
                const GonioCliInputs *inputs, Verdict *verdict, GError **error)
{
  g_auto (GonioCliValues) values = {0};
  guint n_missing = 0;
  if (!gonio_cli_values_run (model, options, inputs, &values, error))
    return FALSE;
  print_head ();
  for (guint i = 0; i < values.rows->len; i++) {
    const GonioCliValue *row = &g_array_index (values.rows, GonioCliValue, i);
    g_autofree char *path = gonio_cli_value_path (dir, row->name, ".npy");
    if (!g_file_test (path, G_FILE_TEST_EXISTS)) {
      n_missing++;
      continue;
    }
    g_autoptr (GonioTensor) wanted = gonio_tensor_load_npy (path, error);
    if (wanted == NULL)
      return FALSE;
    judge (row, wanted, FALSE, verdict);
  }
  if (verdict->n_values == 0) {
    g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_NOENT,
                 "%s: no file here is named after a value of the model, such as %s.npy", dir,
                 values.rows->len > 0 ? g_array_index (values.rows, GonioCliValue, 0).name : "y");
    return FALSE;
  }
  if (n_missing > 0)
    gonio_cli_print ("%u values of the model have no file in %s\n", n_missing, dir);
  return TRUE;
}

typedef struct {
  char *pair, *dir;
  char **pairs, **dims;
} Options;

static void
clear_options (Options *o)
{
  g_free (o->pair);
  g_free (o->dir);
  g_strfreev (o->pairs);
  g_strfreev (o->dims);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Options, clear_options)

static GonioExit
compare (const char *model, GonioCliSession *args, const Options *o, char **names, int seed,
         Verdict *verdict)
{
  g_autoptr (GError) error = NULL;
  GonioSessionOptions options;
  g_autofree const GonioBackendDef **backends = NULL;
  GonioCliInputs inputs = {
      .pairs = o->pairs, .dims = o->dims, .dir = o->dir, .seed = seed, .all_given = o->dir != NULL};
  /* Another framework knows nothing of our fusions. */
  if (o->dir != NULL && args->level == NULL)
    args->level = g_strdup ("disabled");
  if (!gonio_cli_session_options (args, &options, &backends, &error))
    return gonio_cli_fail (error);
  gboolean ok = o->dir != NULL
                    ? compare_folder (model, o->dir, &options, &inputs, verdict, &error)
                    : compare_backends (model, names, &options, &inputs, verdict, &error);
  if (!ok) {
    g_free (verdict->first);
    return gonio_cli_fail (error);
  }
  return conclude (verdict);
}

GonioExit
gonio_cli_model_compare (const GonioCommand *command, int argc, char **argv)
{
  g_auto (GonioCliSession) args = {0};
  g_auto (Options) o = {0};
  int seed = 0;
  Verdict verdict = {.rtol = 1e-3, .atol = 1e-5, .rtol_largest = NAN};
  GonioExit code = GONIO_EXIT_DONE;
  const GOptionEntry entries[] = {
      {"backends", 0, 0, G_OPTION_ARG_STRING, &o.pair, "two backends; B is what is expected",
       "A,B"},
      {"with", 'w', 0, G_OPTION_ARG_FILENAME, &o.dir,
       "folder of <value>.npy from elsewhere, inputs included", "DIR"},
      {"rtol", 0, 0, G_OPTION_ARG_DOUBLE, &verdict.rtol,
       "each number may be off by atol + rtol * |expected| (1e-3)", "X"},
      {"atol", 0, 0, G_OPTION_ARG_DOUBLE, &verdict.atol, "absolute tolerance (1e-5)", "X"},
      {"rtol-of-largest", 0, 0, G_OPTION_ARG_DOUBLE, &verdict.rtol_largest,
       "instead of rtol: share of a value's largest magnitude", "X"},
      {"input", 'i', 0, G_OPTION_ARG_STRING_ARRAY, &o.pairs, "a .npy or .pb file for an input",
       "NAME=FILE"},
      {"seed", 0, 0, G_OPTION_ARG_INT, &seed, "of random inputs (0)", "N"},
      {"dim", 'd', 0, G_OPTION_ARG_STRING_ARRAY, &o.dims, "size of a free dimension (1)",
       "NAME=SIZE"},
      G_OPTION_ENTRY_NULL,
  };
  if (!gonio_cli_parse (command, entries, &args, 1, 1, &argc, &argv, &code))
    return code;
  g_auto (GStrv) names = g_strsplit (o.pair != NULL ? o.pair : "", ",", -1);
  if ((o.dir != NULL) == (o.pair != NULL))
    return gonio_cli_usage ("give either --backends A,B or --with DIR");
  if (o.dir == NULL && g_strv_length (names) != 2)
    return gonio_cli_usage ("--backends wants two names, as in --backends cpu,reference");
  return compare (argv[1], &args, &o, names, seed, &verdict);
}
