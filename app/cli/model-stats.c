/* gonio-cli model stats: what the numbers of every value of a run are like. */
#include "app/cli/json.h"
#include "app/cli/values.h"
#include "core/tensor/statistics.h"

static void
print_table (const GonioCliValues *values)
{
  gonio_cli_print ("%12s %12s %12s %12s %6s %6s  %-20s %-8s %-18s %s\n", "min", "max", "mean",
                   "std", "nan", "inf", "op", "type", "shape", "value");
  for (guint i = 0; i < values->rows->len; i++) {
    const GonioCliValue *row = &g_array_index (values->rows, GonioCliValue, i);
    GonioTensorStatistics s = gonio_tensor_statistics (row->tensor);
    g_autofree char *shape = gonio_shape_to_string (gonio_tensor_shape (row->tensor));
    if (s.n_numbers - s.n_nan - s.n_inf > 0)
      gonio_cli_print ("%12.5g %12.5g %12.5g %12.5g ", s.min, s.max, s.mean, s.std);
    else
      gonio_cli_print ("%12s %12s %12s %12s ", "-", "-", "-", "-");
    gonio_cli_print ("%6" G_GINT64_FORMAT " %6" G_GINT64_FORMAT "  %-20s %-8s %-18s %s\n", s.n_nan,
                     s.n_inf, row->op, gonio_dtype_name (gonio_tensor_dtype (row->tensor)), shape,
                     row->name);
  }
}

static void
add_row (JsonBuilder *builder, const GonioCliValue *row)
{
  GonioTensorStatistics s = gonio_tensor_statistics (row->tensor);
  g_autofree char *shape = gonio_shape_to_string (gonio_tensor_shape (row->tensor));
  json_builder_begin_object (builder);
  gonio_cli_json_string (builder, "name", row->name);
  gonio_cli_json_string (builder, "op", row->op);
  gonio_cli_json_string (builder, "node", row->node);
  gonio_cli_json_string (builder, "dtype", gonio_dtype_name (gonio_tensor_dtype (row->tensor)));
  gonio_cli_json_string (builder, "shape", shape);
  gonio_cli_json_number (builder, "min", s.min);
  gonio_cli_json_number (builder, "max", s.max);
  gonio_cli_json_number (builder, "mean", s.mean);
  gonio_cli_json_number (builder, "std", s.std);
  gonio_cli_json_int (builder, "numbers", s.n_numbers);
  gonio_cli_json_int (builder, "nan", s.n_nan);
  gonio_cli_json_int (builder, "inf", s.n_inf);
  json_builder_end_object (builder);
}

static void
print_json (const GonioCliValues *values)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "values");
  json_builder_begin_array (builder);
  for (guint i = 0; i < values->rows->len; i++)
    add_row (builder, &g_array_index (values->rows, GonioCliValue, i));
  json_builder_end_array (builder);
  json_builder_end_object (builder);
  gonio_cli_json_print (builder);
}

GonioExit
gonio_cli_model_stats (const GonioCommand *command, int argc, char **argv)
{
  g_auto (GonioCliSession) args = {0};
  g_auto (GonioCliValues) values = {0};
  g_auto (GStrv) pairs = NULL;
  g_auto (GStrv) dims = NULL;
  g_autoptr (GError) error = NULL;
  GonioCliInputs inputs = {0};
  gboolean json = FALSE;
  GonioExit code = GONIO_EXIT_DONE;
  const GOptionEntry entries[] = {
      {"input", 'i', 0, G_OPTION_ARG_STRING_ARRAY, &pairs,
       "a .npy or .pb file for an input; others are random", "NAME=FILE"},
      {"dim", 'd', 0, G_OPTION_ARG_STRING_ARRAY, &dims, "size of a free dimension (1)",
       "NAME=SIZE"},
      {"seed", 0, 0, G_OPTION_ARG_INT, &inputs.seed, "of random inputs (0)", "N"},
      {"json", 0, 0, G_OPTION_ARG_NONE, &json, "one JSON object on stdout", NULL},
      G_OPTION_ENTRY_NULL,
  };
  if (!gonio_cli_parse (command, entries, &args, 1, 1, &argc, &argv, &code))
    return code;
  /* Fused values are gone; all of the model's own are wanted. */
  if (args.level == NULL)
    args.level = g_strdup ("disabled");
  inputs.pairs = pairs;
  inputs.dims = dims;
  GonioSessionOptions options;
  g_autofree const GonioBackendDef **backends = NULL;
  if (!gonio_cli_session_options (&args, &options, &backends, &error) ||
      !gonio_cli_values_run (argv[1], &options, &inputs, &values, &error))
    return gonio_cli_fail (error);
  if (json)
    print_json (&values);
  else
    print_table (&values);
  return GONIO_EXIT_DONE;
}
