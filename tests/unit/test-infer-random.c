/* core/ops: every operator with random inputs and attributes, sensible or not. Inference answers
 * or refuses; whatever it says twice must agree, and passes must leave a consistent graph. */
#include "core/base/error.h"
#include "core/ops/spatial.h"
#include "core/passes/passes.h"
#include "tests/support/graph-maker.h"

static const int64_t edges[] = {INT64_MIN, INT64_MAX, INT32_MIN,       INT32_MAX,
                                -65536,    65536,     (int64_t)1 << 40};
static const char *const words[] = {
    "SAME_UPPER", "SAME_LOWER", "VALID",  "NOTSET",      "constant",  "reflect", "linear",
    "cubic",      "nearest",    "mean",   "none",        "sum",       "reverse", "bidirectional",
    "LEFT",       "RIGHT",      "DCR",    "ij,jk->ik",   "...i,i->i", "->",      "",
    "half_pixel", "tanh",       "linear", "not_smaller", "Clip",      "a.b",
};

static int64_t
number (GRand *random)
{
  return g_rand_int_range (random, 0, 12) == 0
             ? edges[g_rand_int_range (random, 0, G_N_ELEMENTS (edges))]
             : g_rand_int_range (random, -3, 7);
}

static guint
pick (GRand *random, guint n)
{
  return (guint)g_rand_int_range (random, 0, (gint32)n);
}

static GonioSymShape
any_shape (GRand *random)
{
  static const char *const symbols[] = {"N", "M"};
  GonioSymShape shape = {.has_rank = pick (random, 8) > 0, .rank = (int)pick (random, 6)};

  if (pick (random, 20) == 0)
    shape.rank = GONIO_MAX_RANK;
  for (int d = 0; d < shape.rank; d++) {
    shape.dims[d] = GONIO_DIM (pick (random, 7));
    if (pick (random, 6) == 0)
      shape.dims[d] = (GonioDim){.value = -1, .symbol = symbols[pick (random, 2)]};
    else if (pick (random, 10) == 0)
      shape.dims[d] = GONIO_DIM_UNKNOWN;
    else if (pick (random, 60) == 0)
      shape.dims[d] = GONIO_DIM (edges[1 + pick (random, 5) % 3 * 2]);
    if (shape.dims[d].value < 0 && !shape.dims[d].symbol)
      shape.dims[d] = GONIO_DIM_UNKNOWN;
    if (shape.dims[d].symbol)
      shape.dims[d].symbol = g_intern_static_string (shape.dims[d].symbol);
  }
  return shape;
}

static GonioValueId
any_value (GonioGraph *graph, GRand *random)
{
  static const GonioDType types[] = {GONIO_DTYPE_FLOAT,  GONIO_DTYPE_FLOAT, GONIO_DTYPE_FLOAT,
                                     GONIO_DTYPE_INT64,  GONIO_DTYPE_BOOL,  GONIO_DTYPE_UINT8,
                                     GONIO_DTYPE_STRING, GONIO_DTYPE_NONE};
  int64_t list[6] = {0};
  float real[6] = {0};
  guint n = pick (random, 7);
  g_autofree char *shape = g_strdup_printf ("%u", n);
  GonioSymShape sym = any_shape (random);

  for (guint i = 0; i < n && i < 6; i++) {
    list[i] = number (random);
    real[i] = (float)number (random) / 2;
  }
  switch (pick (random, 5)) {
  case 0:
    return mk_ints (graph, NULL, MIN (n, 6), list);
  case 1:
    return n > 5 ? mk_scalar (graph, NULL, real[0]) : mk_floats (graph, NULL, shape, real);
  default:
    return gonio_graph_add_input (graph, NULL, types[pick (random, G_N_ELEMENTS (types))], &sym);
  }
}

static void
set_any_attr (GonioGraph *graph, GonioNodeId id, const GonioAttrSchema *row, GRand *random)
{
  int64_t list[6] = {0};
  float real[6] = {0};
  const char *texts[6] = {NULL};
  guint n = pick (random, 7);

  for (guint i = 0; i < 6; i++) {
    list[i] = number (random);
    real[i] = (float)number (random);
    texts[i] = words[pick (random, G_N_ELEMENTS (words))];
  }
  switch (row->type) {
  case GONIO_ATTR_INT:
    gonio_graph_set_attr_int (graph, id, row->name, list[0]);
    break;
  case GONIO_ATTR_FLOAT:
    gonio_graph_set_attr_float (graph, id, row->name, real[0]);
    break;
  case GONIO_ATTR_STRING:
    gonio_graph_set_attr_string (graph, id, row->name, texts[0]);
    break;
  case GONIO_ATTR_INTS:
    gonio_graph_set_attr_ints (graph, id, row->name, list, MIN (n, 6));
    break;
  case GONIO_ATTR_FLOATS:
    gonio_graph_set_attr_floats (graph, id, row->name, real, MIN (n, 6));
    break;
  case GONIO_ATTR_STRINGS:
    gonio_graph_set_attr_strings (graph, id, row->name, texts, MIN (n, 6));
    break;
  case GONIO_ATTR_TENSOR: {
    GonioValueId value = mk_ints (graph, NULL, MIN (n, 6), list);
    gonio_graph_set_attr_tensor (graph, id, row->name, gonio_graph_value (graph, value)->constant);
    break;
  }
  case GONIO_ATTR_GRAPH:
    break;
  }
}

static GonioGraph *
any_node (guint op, GRand *random)
{
  const GonioOpDef *def = gonio_op_def (op);
  GonioGraph *graph = gonio_graph_new (gonio_op_name (op));
  GonioValueId inputs[12] = {0}, outputs[8] = {0};
  guint most = (guint)(def->max_inputs < 0 ? def->min_inputs + 2 : def->max_inputs);
  guint n_inputs = (guint)def->min_inputs + pick (random, most - (guint)def->min_inputs + 1);
  guint n_outputs = (guint)MAX (def->max_outputs < 0 ? 2 : def->max_outputs, 1);

  for (guint i = 0; i < n_inputs; i++)
    inputs[i] = (int)i >= def->min_inputs && pick (random, 3) == 0 ? GONIO_VALUE_NONE
                                                                   : any_value (graph, random);
  for (guint i = 0; i < n_outputs; i++) {
    outputs[i] = gonio_graph_add_value (graph, NULL, GONIO_DTYPE_NONE, NULL);
    gonio_graph_add_output (graph, outputs[i]);
  }
  GonioNodeId id = gonio_graph_add_node (graph, op, "node", inputs, n_inputs, outputs, n_outputs);
  for (const GonioAttrSchema *row = def->attrs; row && row->name; row++) {
    if (pick (random, 5) < 2)
      set_any_attr (graph, id, row, random);
  }
  return graph;
}

static void
test_any_node (void)
{
  const GonioPassOptions options = {.level = GONIO_OPT_ALL};
  g_autoptr (GRand) random = g_rand_new_with_seed (42);
  guint accepted = 0;

  for (guint round = 0; round < 300; round++) {
    for (guint op = 1; op < GONIO_OP_COUNT; op++) {
      g_autoptr (GonioGraph) graph = any_node (op, random);
      g_autoptr (GError) error = NULL, broken = NULL;
      GonioSpatial spatial = {0};
      guint n = 0;

      gonio_op_spatial (graph, gonio_graph_node (graph, 0), &spatial, NULL);
      if (!gonio_infer_graph (graph, &error)) {
        g_assert_error (error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_SHAPE);
        continue;
      }
      accepted++;
      const GonioValueId *outputs = gonio_graph_outputs (graph, &n);
      g_autofree char *before = shape_of (graph, outputs[0]);
      gonio_infer_graph (graph, &broken); /* the same facts give the same answer */
      g_assert_no_error (broken);
      assert_shape (graph, outputs[0], before);
      if (gonio_passes_run (graph, &options, NULL)) {
        gonio_graph_check (graph, NULL, &broken);
        g_assert_no_error (broken);
      }
    }
  }
  g_test_message ("%u of %u nodes accepted", accepted, 300 * (GONIO_OP_COUNT - 1));
  g_assert_cmpuint (accepted, >, 10000);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/infer-random/any-node", test_any_node);
  return g_test_run ();
}
