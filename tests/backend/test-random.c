/* Random operators with random shapes and attributes, sensible or not, through one backend: it may
 * refuse or fail with an error, but must never crash, and when it answers, the answer is the
 * reference's. Arguments: backend, number of cases, first seed. */
#include "backends/reference/reference.h"
#ifdef GONIO_BACKEND_GL
#include "tests/backend/gl-test.h"
#else
#include "backends/cpu/cpu.h"
#endif
#include "core/graph/edit.h"
#include "core/ops/op.h"
#include "core/session/session.h"

#include <math.h>
#include <string.h>

static const GonioBackendDef *tested[] = {NULL, &gonio_backend_reference, NULL};
static const GonioBackendDef *const reference[] = {&gonio_backend_reference, NULL};

static int n_cases = 4000;
static guint32 first_seed = 1;

#define MAX_INPUTS 5

typedef struct {
  GRand *rand;
  GonioGraph *graph;
  guint n_inputs;
  char names[MAX_INPUTS][16];
  GonioTensor *tensors[MAX_INPUTS];
} Random;

static int
pick (Random *r, int from, int to)
{
  return g_rand_int_range (r->rand, from, to + 1);
}

/* ---- values ---- */

static GonioShape
random_shape (Random *r, int rank)
{
  static const int64_t dims[] = {1, 1, 2, 3, 4, 5, 8, 17, 0};
  GonioShape shape = {.rank = rank};
  for (int i = 0; i < rank; i++)
    shape.dims[i] = dims[pick (r, 0, pick (r, 0, 9) ? 7 : 8)];
  return shape;
}

static GonioTensor *
random_tensor (Random *r, GonioDType dtype, const GonioShape *shape)
{
  GonioTensor *tensor = gonio_tensor_new_zeroed (dtype, shape, NULL);
  void *data = gonio_tensor_writable_data (tensor);
  for (int64_t i = 0; i < gonio_tensor_count (tensor); i++)
    switch (dtype) {
    case GONIO_DTYPE_FLOAT:
      ((float *)data)[i] = (float)g_rand_double_range (r->rand, -2, 2);
      break;
    case GONIO_DTYPE_INT64:
      ((int64_t *)data)[i] = pick (r, -3, 3);
      break;
    case GONIO_DTYPE_INT32:
      ((int32_t *)data)[i] = pick (r, -3, 3);
      break;
    default:
      ((uint8_t *)data)[i] = (uint8_t)pick (r, 0, 1);
      break;
    }
  return tensor;
}

static GonioValueId
random_value (Random *r, GonioDType dtype, const GonioShape *shape)
{
  g_autoptr (GonioTensor) tensor = random_tensor (r, dtype, shape);
  if (pick (r, 0, 2) == 0)
    return gonio_graph_add_constant (r->graph, NULL, tensor);
  guint i = r->n_inputs++;
  g_snprintf (r->names[i], sizeof r->names[i], "in%u", i);
  r->tensors[i] = gonio_tensor_ref (tensor);
  GonioSymShape sym = gonio_sym_shape_from_shape (shape);
  GonioValueId id = gonio_graph_add_input (r->graph, r->names[i], dtype, &sym);
  if (dtype != GONIO_DTYPE_FLOAT || shape->rank < 3 || shape->rank > 4 || pick (r, 0, 1))
    return id;
  /* a pool that changes nothing, to have the operator meet a channels-last value */
  static const int64_t ones[2] = {1, 1};
  GonioValueId pooled =
      gonio_graph_add_value (r->graph, NULL, GONIO_DTYPE_NONE, &(GonioSymShape){0});
  GonioNodeId node = gonio_graph_add_node (r->graph, GONIO_OP_MAX_POOL, NULL, &id, 1, &pooled, 1);
  gonio_graph_set_attr_ints (r->graph, node, "kernel_shape", ones, (guint)shape->rank - 2);
  return pooled;
}

/* A shape that often goes with the first one: the same, thinned to broadcast, weights for it, a
 * vector as long as one of its axes, or anything. */
static GonioShape
related_shape (Random *r, const GonioShape *first)
{
  GonioShape shape = *first;
  switch (pick (r, 0, 5)) {
  case 0:
    return shape;
  case 1:
    for (int i = 0; i < shape.rank; i++)
      shape.dims[i] = pick (r, 0, 1) ? shape.dims[i] : 1;
    return shape;
  case 2:
    for (int i = 2; i < shape.rank; i++)
      shape.dims[i] = pick (r, 1, 3);
    if (shape.rank > 1)
      shape.dims[0] = pick (r, 0, 1) ? shape.dims[1] : pick (r, 1, 5);
    if (shape.rank > 1 && pick (r, 0, 2) == 0)
      shape.dims[1] = 1;
    return shape;
  case 3:
    shape.rank = shape.rank ? 1 : 0;
    shape.dims[0] = first->rank ? first->dims[pick (r, 0, first->rank - 1)] : 1;
    return shape;
  case 4:
    for (int i = 0; i + 1 < shape.rank; i++)
      shape.dims[i] = shape.dims[i + 1];
    return shape;
  default:
    return random_shape (r, pick (r, 0, 5));
  }
}

/* ---- attributes ---- */

static int64_t
random_int (Random *r)
{
  static const int64_t strange[] = {G_MININT64, G_MAXINT64, G_MININT32, G_MAXINT32,
                                    -1,         -7,         1 << 20};
  return pick (r, 0, 15) ? pick (r, 0, 3) : strange[pick (r, 0, G_N_ELEMENTS (strange) - 1)];
}

static void
random_attribute (Random *r, GonioNodeId node, const GonioAttrSchema *schema, int rank)
{
  static const char *const words[] = {
      "",      "NOTSET",  "SAME_UPPER", "SAME_LOWER", "VALID",    "linear",        "nearest",
      "cubic", "reflect", "edge",       "wrap",       "constant", "align_corners", "asymmetric",
      "zeros", "border",  "reflection", "CRD",        "DCR",      "tanh",          "floor",
      "ceil",  "what?"};
  int64_t ints[10];
  int n = pick (r, 0, 3) ? MAX (rank - 2, 0) : pick (r, 0, 5);
  if (strstr (schema->name, "pads") && pick (r, 0, 3))
    n = 2 * MAX (rank - 2, 0);
  if (g_str_equal (schema->name, "perm"))
    n = rank;
  for (int i = 0; i < n && i < 10; i++)
    ints[i] = g_str_equal (schema->name, "perm") ? (i + pick (r, 0, 20) / 20) : random_int (r);
  switch (schema->type) {
  case GONIO_ATTR_INT:
    gonio_graph_set_attr_int (r->graph, node, schema->name, random_int (r));
    break;
  case GONIO_ATTR_FLOAT:
    gonio_graph_set_attr_float (r->graph, node, schema->name,
                                (float)g_rand_double_range (r->rand, -1, 2));
    break;
  case GONIO_ATTR_STRING:
    gonio_graph_set_attr_string (r->graph, node, schema->name,
                                 words[pick (r, 0, G_N_ELEMENTS (words) - 1)]);
    break;
  case GONIO_ATTR_INTS:
    gonio_graph_set_attr_ints (r->graph, node, schema->name, ints, (guint)n);
    break;
  default:
    break;
  }
}

/* ---- one case ---- */

/* Its further inputs say how, and are integers. */
static gboolean
takes_settings (guint op)
{
  static const GonioOpId ops[] = {GONIO_OP_RESHAPE,     GONIO_OP_EXPAND,    GONIO_OP_SQUEEZE,
                                  GONIO_OP_UNSQUEEZE,   GONIO_OP_SLICE,     GONIO_OP_SPLIT,
                                  GONIO_OP_TILE,        GONIO_OP_PAD,       GONIO_OP_REDUCE_SUM,
                                  GONIO_OP_REDUCE_MEAN, GONIO_OP_REDUCE_MAX};
  for (guint i = 0; i < G_N_ELEMENTS (ops); i++)
    if (ops[i] == op)
      return TRUE;
  return FALSE;
}

/* Small integer inputs decide shapes; larger ones are data. */
static GonioValueId
random_operand (Random *r, guint op, guint i, const GonioShape *first)
{
  static const GonioDType others[] = {GONIO_DTYPE_INT64, GONIO_DTYPE_INT64, GONIO_DTYPE_INT32,
                                      GONIO_DTYPE_BOOL};
  if (i > 0 && pick (r, 0, 5) == 0)
    return GONIO_VALUE_NONE;
  gboolean odd = pick (r, 0, 5) == 0 || (op == GONIO_OP_WHERE && i == 0) ||
                 (op == GONIO_OP_GATHER && i == 1) || (i > 0 && takes_settings (op));
  GonioDType dtype = odd ? others[op == GONIO_OP_WHERE ? 3 : pick (r, 0, 3)] : GONIO_DTYPE_FLOAT;
  GonioShape shape = i == 0 ? *first : related_shape (r, first);
  if (odd && i > 0 && pick (r, 0, 1))
    shape = GONIO_SHAPE (pick (r, 1, 4));
  return random_value (r, dtype, &shape);
}

static gboolean
build (Random *r, guint op)
{
  const GonioOpDef *def = gonio_op_def (op);
  GonioValueId inputs[MAX_INPUTS], outputs[2];
  GonioShape first = random_shape (r, pick (r, 0, 5) ? pick (r, 1, 4) : pick (r, 0, 5));
  int most = def->max_inputs < 0 ? 4 : MIN (def->max_inputs, MAX_INPUTS);
  guint n = (guint)pick (r, MIN (def->min_inputs, most), most),
        n_out = def->max_outputs < 0 ? 2 : 1;
  for (guint i = 0; i < n; i++)
    inputs[i] = random_operand (r, op, i, &first);
  if (!gonio_infer_graph (r->graph, NULL))
    return FALSE;
  for (guint i = 0; i < n_out; i++)
    outputs[i] = gonio_graph_add_value (r->graph, NULL, GONIO_DTYPE_NONE, &(GonioSymShape){0});
  GonioNodeId node = gonio_graph_add_node (r->graph, op, "tested", inputs, n, outputs, n_out);
  for (const GonioAttrSchema *schema = def->attrs; schema && schema->name; schema++)
    if (pick (r, 0, 2) == 0 || schema->required)
      random_attribute (r, node, schema, first.rank);
  if (!gonio_op_check_node (r->graph, node, NULL) || !gonio_infer_graph (r->graph, NULL))
    return FALSE;
  for (guint i = 0; i < n_out; i++) {
    GonioShape shape;
    int64_t count;
    const GonioValue *value = gonio_graph_value (r->graph, outputs[i]);
    if (!gonio_sym_shape_known (&value->shape, &shape) || !gonio_shape_count (&shape, &count) ||
        count > 200000)
      return FALSE; /* too long for the reference */
    gonio_graph_add_output (r->graph, outputs[i]);
  }
  return TRUE;
}

static GonioTensor **
run (Random *r, const GonioBackendDef *const *backends, gboolean strict, guint *out_n)
{
  GonioSessionOptions options = GONIO_SESSION_OPTIONS_DEFAULT;
  options.backends = backends;
  options.optimization = GONIO_OPT_DISABLED;
  options.threads = 2;
  options.strict = strict;
  g_autoptr (GonioSession) session =
      gonio_session_new_from_graph (gonio_graph_clone (r->graph), &options, NULL, NULL);
  if (!session)
    return NULL;
  const char *names[MAX_INPUTS];
  GonioTensor **outputs = NULL;
  for (guint i = 0; i < r->n_inputs; i++)
    names[i] = r->names[i];
  gonio_session_outputs (session, out_n);
  gonio_session_run (session, names, r->tensors, r->n_inputs, &outputs, NULL, NULL);
  return outputs;
}

/* Every failure is reported, not only the last one of a test. */
static void G_GNUC_PRINTF (1, 2) fail (const char *format, ...)
{
  va_list args;
  va_start (args, format);
  g_autofree char *text = g_strdup_vprintf (format, args);
  va_end (args);
  g_test_message ("%s", text);
  g_test_fail ();
}

static gboolean
agree (const GonioTensor *a, const GonioTensor *b)
{
  double most = 0, worst = 0;
  if (!gonio_shape_equal (gonio_tensor_shape (a), gonio_tensor_shape (b)))
    return FALSE;
  for (int64_t i = 0; i < gonio_tensor_count (a); i++) {
    double x = gonio_tensor_get_double (a, i), y = gonio_tensor_get_double (b, i);
    if (x == y || (isnan (x) && isnan (y)))
      continue;
    if (!isfinite (x) || !isfinite (y))
      return FALSE;
    most = fmax (most, fabs (y));
    worst = fmax (worst, fabs (x - y) / (1 + fabs (y)));
  }
  return worst <= 1e-4 * (1 + most);
}

static gboolean
one_case (guint32 seed, guint op)
{
  Random r = {.rand = g_rand_new_with_seed (seed), .graph = gonio_graph_new ("random")};
  gboolean ran = FALSE;
  guint n_ours = 0, n_theirs = 0;
  if (build (&r, op)) {
    GonioTensor **ours = run (&r, tested, TRUE, &n_ours);
    GonioTensor **theirs = ours ? run (&r, reference, FALSE, &n_theirs) : NULL;
    ran = ours && theirs;
    for (guint i = 0; ran && i < n_ours; i++)
      if (!agree (ours[i], theirs[i])) {
        g_autofree char *text = gonio_graph_to_text (r.graph, gonio_op_name);
        fail ("seed %u, %s: output %u differs\n%s", seed, gonio_op_name (op), i, text);
      }
    if (ours && !theirs) {
      g_autofree char *text = gonio_graph_to_text (r.graph, gonio_op_name);
      fail ("seed %u: only %s runs this\n%s", seed, tested[0]->name, text);
    }
    if (ours)
      gonio_session_free_outputs (ours, n_ours);
    if (theirs)
      gonio_session_free_outputs (theirs, n_theirs);
  }
  for (guint i = 0; i < r.n_inputs; i++)
    gonio_tensor_unref (r.tensors[i]);
  gonio_graph_unref (r.graph);
  g_rand_free (r.rand);
  return ran;
}

static void
test_random (void)
{
  GArray *ops = g_array_new (FALSE, FALSE, sizeof (guint));
  for (guint op = 1; op < GONIO_OP_COUNT; op++)
    if (tested[0]->has_op (op) && op != GONIO_OP_LAYOUT)
      g_array_append_val (ops, op);
  int ran = 0;
  for (int i = 0; i < n_cases; i++)
    ran += one_case (first_seed + (guint32)i, g_array_index (ops, guint, (guint)i % ops->len));
  g_test_message ("%d of %d cases ran on %s", ran, n_cases, tested[0]->name);
  g_assert_cmpint (ran, >, n_cases / 20);
  g_array_unref (ops);
}

int
main (int argc, char **argv)
{
#ifdef GONIO_BACKEND_GL
  if (!gl_test_begin (&argc, &argv))
    return GL_TEST_SKIPPED;
  tested[0] = gl_test_alone[0];
#else
  g_test_init (&argc, &argv, NULL);
  g_test_set_nonfatal_assertions ();
  tested[0] = &gonio_backend_cpu;
#endif
  if (argc > 2)
    n_cases = (int)g_ascii_strtoll (argv[2], NULL, 10);
  if (argc > 3)
    first_seed = (guint32)g_ascii_strtoull (argv[3], NULL, 10);
  g_test_add_func ("/random", test_random);
  return g_test_run ();
}
