/* The measurement of speed: a network that is long enough to be told from its transfers, and short
 * enough for a first start. */
#include "app/backend-cases.h"

#include "core/base/error.h"
#include "core/graph/edit.h"

#include <string.h>

#define SIDE      128 /* of the picture */
#define CHANNELS  64
#define BLOCKS    3
#define MOST_RUNS 7
#define ENOUGH_US (1000 * 1000) /* spent on one side's runs: no further one */

typedef struct {
  GonioGraph *graph;
  GRand *rand;
} Net;

/* Of such a size that values neither die out nor grow from layer to layer. */
static GonioValueId
add_weights (Net *net, const GonioShape *shape)
{
  g_autoptr (GonioTensor) tensor = gonio_tensor_new_zeroed (GONIO_DTYPE_FLOAT, shape, NULL);
  if (!tensor)
    return GONIO_VALUE_NONE; /* inference then says what is missing */
  int64_t fan_in = shape->rank == 4 ? shape->dims[1] * shape->dims[2] * shape->dims[3] : 100;
  double limit = 2.4 / (double)fan_in;
  float *data = gonio_tensor_writable_data (tensor);
  for (int64_t i = 0; i < gonio_tensor_count (tensor); i++)
    data[i] = (float)g_rand_double_range (net->rand, shape->rank == 4 ? -limit / 3 : -limit, limit);
  return gonio_graph_add_constant (net->graph, NULL, tensor);
}

static GonioValueId
add_node (Net *net, GonioOpId op, const GonioValueId *inputs, guint n, GonioNodeId *out_node)
{
  GonioValueId output =
      gonio_graph_add_value (net->graph, NULL, GONIO_DTYPE_NONE, &(GonioSymShape){0});
  GonioNodeId node = gonio_graph_add_node (net->graph, op, NULL, inputs, n, &output, 1);
  if (out_node)
    *out_node = node;
  return output;
}

static GonioValueId
add_conv (Net *net, GonioValueId x, int64_t from, int64_t to, int64_t kernel, int64_t stride,
          int64_t groups)
{
  int64_t pad = kernel / 2;
  GonioNodeId node;
  const GonioShape weights = GONIO_SHAPE (to, from / groups, kernel, kernel);
  const GonioShape bias = GONIO_SHAPE (to);
  const GonioValueId inputs[] = {x, add_weights (net, &weights), add_weights (net, &bias)};
  GonioValueId y = add_node (net, GONIO_OP_CONV, inputs, 3, &node);
  gonio_graph_set_attr_ints (net->graph, node, "pads", (int64_t[]){pad, pad, pad, pad}, 4);
  gonio_graph_set_attr_ints (net->graph, node, "strides", (int64_t[]){stride, stride}, 2);
  gonio_graph_set_attr_int (net->graph, node, "group", groups);
  return y;
}

static GonioValueId
add_relu (Net *net, GonioValueId x)
{
  return add_node (net, GONIO_OP_RELU, &x, 1, NULL);
}

/* Stem, depthwise and pointwise layer, residual blocks, head: two thousand million operations. */
static GonioGraph *
make_graph (GError **error)
{
  Net net = {gonio_graph_new ("speed"), g_rand_new_with_seed (7)};
  const GonioShape picture = GONIO_SHAPE (1, 3, SIDE, SIDE);
  GonioSymShape shape = gonio_sym_shape_from_shape (&picture);
  GonioValueId x = gonio_graph_add_input (net.graph, "x", GONIO_DTYPE_FLOAT, &shape);
  x = add_relu (&net, add_conv (&net, x, 3, CHANNELS / 2, 3, 2, 1));
  x = add_relu (&net, add_conv (&net, x, CHANNELS / 2, CHANNELS / 2, 3, 1, CHANNELS / 2));
  x = add_relu (&net, add_conv (&net, x, CHANNELS / 2, CHANNELS, 1, 1, 1));
  for (int i = 0; i < BLOCKS; i++) {
    GonioValueId y = add_relu (&net, add_conv (&net, x, CHANNELS, CHANNELS, 3, 1, 1));
    const GonioValueId pair[] = {x, add_conv (&net, y, CHANNELS, CHANNELS, 3, 1, 1)};
    x = add_relu (&net, add_node (&net, GONIO_OP_ADD, pair, 2, NULL));
  }
  gonio_graph_add_output (net.graph, add_conv (&net, x, CHANNELS, CHANNELS / 4, 1, 1, 1));
  g_rand_free (net.rand);
  if (gonio_infer_graph (net.graph, error))
    return net.graph;
  gonio_graph_unref (net.graph);
  return NULL;
}

/* ---- one side ---- */

typedef struct {
  GonioSession *session;
  GonioTensor **outputs; /* one */
  gint64 us[MOST_RUNS];
  guint n;
  gint64 spent;
} Side;

static void
side_clear (Side *side)
{
  if (side->outputs)
    gonio_session_free_outputs (side->outputs, 1);
  g_clear_pointer (&side->session, gonio_session_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Side, side_clear)

static gboolean
run_once (Side *side, GonioTensor *input, gboolean counts, GError **error)
{
  const char *const name = "x";
  GonioTensor **outputs = NULL;
  gint64 start = g_get_monotonic_time ();
  if (!gonio_session_run (side->session, &name, &input, 1, &outputs, NULL, error))
    return FALSE;
  gint64 us = MAX (g_get_monotonic_time () - start, 1);
  if (side->outputs)
    gonio_session_free_outputs (side->outputs, 1);
  side->outputs = outputs;
  if (counts) {
    side->us[side->n++] = us;
    side->spent += us;
  }
  return TRUE;
}

static gboolean
side_init (Side *side, const GonioBackendDef *def, GonioPrecision precision, GonioTensor *input,
           GError **error)
{
  const GonioBackendDef *const only[] = {def, NULL};
  GonioSessionOptions options = GONIO_SESSION_OPTIONS_DEFAULT;
  GonioGraph *graph = make_graph (error);
  *side = (Side){0};
  if (!graph)
    return FALSE;
  options.backends = only;
  options.precision = precision;
  options.strict = TRUE;
  side->session = gonio_session_new_from_graph (graph, &options, NULL, error);
  return side->session && run_once (side, input, FALSE, error);
}

static int
compare_times (gconstpointer a, gconstpointer b)
{
  const gint64 *x = a, *y = b;
  return (*x > *y) - (*x < *y);
}

static double
median_ms (Side *side)
{
  qsort (side->us, side->n, sizeof *side->us, compare_times);
  return (double)side->us[side->n / 2] / 1000;
}

static gboolean
wants_more (const Side *side)
{
  return side->n == 0 || (side->n < MOST_RUNS && side->spent < ENOUGH_US);
}

/* By turns, so that what else the machine does slows both. */
static gboolean
race (Side *device, Side *host, GonioTensor *input, GError **error)
{
  while (wants_more (device) || wants_more (host))
    if ((wants_more (device) && !run_once (device, input, TRUE, error)) ||
        (wants_more (host) && !run_once (host, input, TRUE, error)))
      return FALSE;
  return TRUE;
}

static GonioTensor *
make_picture (GError **error)
{
  const GonioShape shape = GONIO_SHAPE (1, 3, SIDE, SIDE);
  GonioTensor *picture = gonio_tensor_new_zeroed (GONIO_DTYPE_FLOAT, &shape, error);
  float *data = picture ? gonio_tensor_writable_data (picture) : NULL;
  g_autoptr (GRand) rand = g_rand_new_with_seed (11);
  for (int64_t i = 0; picture && i < gonio_tensor_count (picture); i++)
    data[i] = (float)g_rand_double (rand);
  return picture;
}

/* The backend alone answers for its side. */
static GonioCaseState
failed_side (gboolean device_ready, const GError *error, char **out_text)
{
  *out_text = g_strdup (error->message);
  return device_ready || g_error_matches (error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_PLACEMENT)
             ? GONIO_CASE_NOT_CLAIMED
             : GONIO_CASE_FAILED;
}

GonioCaseState
gonio_backend_speed_run (const GonioBackendTrial *trial, double *out_device_ms, double *out_host_ms,
                         char **out_text)
{
  g_auto (Side) device = {0}, processor = {0};
  g_autoptr (GError) error = NULL;
  g_autoptr (GonioTensor) picture = make_picture (&error);
  *out_device_ms = *out_host_ms = 0;
  *out_text = NULL;
  if (!picture || !side_init (&processor, trial->host, GONIO_PRECISION_FP32, picture, &error))
    return failed_side (TRUE, error, out_text);
  if (!side_init (&device, trial->def, trial->precision, picture, &error) ||
      !race (&device, &processor, picture, &error))
    return failed_side (FALSE, error, out_text);
  *out_text = gonio_backend_difference (GONIO_TOLERANCE_TRANSCENDENTAL, trial->half,
                                        device.outputs[0], processor.outputs[0]);
  if (*out_text)
    return GONIO_CASE_FAILED;
  *out_device_ms = median_ms (&device);
  *out_host_ms = median_ms (&processor);
  return GONIO_CASE_PASSED;
}
