/* A tiny interpreter that serves as two backends. */
#include "tests/support/fake-backend.h"

#include "core/base/error.h"
#include "core/ops/op.h"

#include <math.h>
#include <string.h>

struct _GonioBackend {
  gboolean fast;
};

struct _GonioCompiled {
  GonioRegion region;
  int inside;
};

static GonioFakeHook hook;
static gpointer hook_data;
static int alive, most_at_once, precision;

void
gonio_fake_set_hook (GonioFakeHook new_hook, gpointer data)
{
  hook = new_hook;
  hook_data = data;
}

int
gonio_fake_alive (void)
{
  return g_atomic_int_get (&alive);
}

int
gonio_fake_most_at_once (void)
{
  return g_atomic_int_get (&most_at_once);
}

GonioPrecision
gonio_fake_precision (void)
{
  return (GonioPrecision)g_atomic_int_get (&precision);
}

static GonioBackend *
create (const GonioBackendOptions *options, GError **error)
{
  g_atomic_int_set (&precision, (int)options->precision);
  g_atomic_int_inc (&alive);
  return g_new0 (GonioBackend, 1);
}

static void
destroy (GonioBackend *backend)
{
  g_atomic_int_add (&alive, -1);
  g_free (backend);
}

static gboolean
is_known (guint op)
{
  return op == GONIO_OP_RELU || op == GONIO_OP_NEG || op == GONIO_OP_ADD ||
         op == GONIO_OP_RESHAPE || op == GONIO_OP_GLOBAL_AVERAGE_POOL || op == GONIO_OP_NON_ZERO;
}

static gboolean
claim_host (GonioBackend *backend, const GonioGraph *graph, GonioNodeId id, GonioClaim *out_claim)
{
  if (!is_known (gonio_graph_node (graph, id)->op)) {
    out_claim->reason = "not in the fake";
    return FALSE;
  }
  out_claim->layouts = out_claim->preferred = GONIO_CLAIM_PLAIN;
  return TRUE;
}

static gboolean
claim_fast (GonioBackend *backend, const GonioGraph *graph, GonioNodeId id, GonioClaim *out_claim)
{
  const GonioNode *node = gonio_graph_node (graph, id);
  if (!is_known (node->op) || node->op == GONIO_OP_NON_ZERO || node->op == GONIO_OP_RESHAPE ||
      g_str_has_prefix (node->name, "host")) {
    out_claim->reason = "not fast";
    return FALSE;
  }
  gboolean pool = node->op == GONIO_OP_GLOBAL_AVERAGE_POOL;
  out_claim->layouts = pool ? GONIO_CLAIM_NHWC : GONIO_CLAIM_NHWC | GONIO_CLAIM_PLAIN;
  out_claim->preferred = GONIO_CLAIM_NHWC;
  out_claim->nhwc_inputs = 3;
  return TRUE;
}

static GonioCompiled *
compile (GonioBackend *backend, const GonioRegion *region, GError **error)
{
  for (guint i = 0; i < region->n_nodes; i++) {
    const GonioNode *node = gonio_graph_node (region->graph, region->nodes[i]);
    if (g_str_has_prefix (node->name, "uncompilable")) {
      g_set_error (error, GONIO_BACKEND_ERROR, GONIO_BACKEND_ERROR_UNSUPPORTED,
                   "node '%s' is beyond this device", node->name);
      return NULL;
    }
  }
  GonioCompiled *compiled = g_new0 (GonioCompiled, 1);
  compiled->region = *region;
  g_atomic_int_inc (&alive);
  return compiled;
}

static void
compiled_free (GonioCompiled *compiled)
{
  g_atomic_int_add (&alive, -1);
  g_free (compiled);
}

static size_t
workspace_size (const GonioCompiled *compiled)
{
  return 100;
}

/* ---- kernels; tensors hold their values in the order of the value's layout ---- */

static void
unary (guint op, const GonioTensor *x, GonioTensor *y)
{
  const float *from = gonio_tensor_data (x);
  float *to = gonio_tensor_writable_data (y);
  for (int64_t i = 0; i < gonio_tensor_count (y); i++)
    to[i] = op == GONIO_OP_RELU ? fmaxf (from[i], 0) : op == GONIO_OP_NEG ? -from[i] : from[i];
}

static void
add (const GonioTensor *a, const GonioTensor *b, GonioTensor *y)
{
  const float *fa = gonio_tensor_data (a), *fb = gonio_tensor_data (b);
  float *to = gonio_tensor_writable_data (y);
  for (int64_t i = 0; i < gonio_tensor_count (y); i++)
    to[i] = fa[i] + fb[i];
}

static void
sizes (const GonioTensor *x, int64_t *n, int64_t *c, int64_t *space)
{
  const GonioShape *shape = gonio_tensor_shape (x);
  *n = shape->dims[0];
  *c = shape->dims[1];
  *space = 1;
  for (int i = 2; i < shape->rank; i++)
    *space *= shape->dims[i];
}

static void
turn (const GonioTensor *x, GonioTensor *y, gboolean to_nhwc)
{
  int64_t n, c, space;
  sizes (x, &n, &c, &space);
  const float *from = gonio_tensor_data (x);
  float *to = gonio_tensor_writable_data (y);
  for (int64_t b = 0; b < n; b++)
    for (int64_t k = 0; k < c; k++)
      for (int64_t s = 0; s < space; s++) {
        int64_t plain = (b * c + k) * space + s, nhwc = (b * space + s) * c + k;
        to[to_nhwc ? nhwc : plain] = from[to_nhwc ? plain : nhwc];
      }
}

static void
average (const GonioTensor *x, GonioTensor *y, gboolean nhwc)
{
  int64_t n, c, space;
  sizes (x, &n, &c, &space);
  const float *from = gonio_tensor_data (x);
  float *to = gonio_tensor_writable_data (y);
  for (int64_t b = 0; b < n; b++)
    for (int64_t k = 0; k < c; k++) {
      double sum = 0;
      for (int64_t s = 0; s < space; s++)
        sum += (double)from[nhwc ? (b * space + s) * c + k : (b * c + k) * space + s];
      to[b * c + k] = (float)(sum / (double)space);
    }
}

static GonioTensor *
non_zero (const GonioTensor *x, GError **error)
{
  const float *from = gonio_tensor_data (x);
  g_autoptr (GArray) found = g_array_new (FALSE, FALSE, sizeof (int64_t));
  for (int64_t i = 0; i < gonio_tensor_count (x); i++)
    if (from[i] != 0)
      g_array_append_val (found, i);
  GonioShape shape = GONIO_SHAPE (1, (int64_t)found->len);
  return gonio_tensor_new_copy (GONIO_DTYPE_INT64, &shape, found->data,
                                found->len * sizeof (int64_t), error);
}

static GonioTensor *
reshape (GonioTensor *x, const GonioTensor *dims, GError **error)
{
  GonioShape shape = gonio_shape_make ((int)gonio_tensor_count (dims), gonio_tensor_data (dims));
  return gonio_tensor_new_view (x, &shape, error);
}

static gboolean
compute (const GonioGraph *graph, const GonioNode *node, GonioTensor *const *in, GonioTensor **out,
         GError **error)
{
  if (node->op == GONIO_OP_NON_ZERO) {
    *out = non_zero (in[0], error);
    return *out != NULL;
  }
  if (node->op == GONIO_OP_RESHAPE) {
    *out = reshape (in[0], in[1], error);
    return *out != NULL;
  }
  gboolean nhwc = gonio_graph_value (graph, node->inputs[0])->layout == GONIO_LAYOUT_NHWC;
  GonioShape shape = *gonio_tensor_shape (in[0]);
  if (node->op == GONIO_OP_GLOBAL_AVERAGE_POOL)
    for (int i = 2; i < shape.rank; i++)
      shape.dims[i] = 1;
  if (*out == NULL)
    *out = gonio_tensor_new (GONIO_DTYPE_FLOAT, &shape, error);
  if (*out == NULL)
    return FALSE;
  if (node->op == GONIO_OP_GLOBAL_AVERAGE_POOL)
    average (in[0], *out, nhwc);
  else if (node->op == GONIO_OP_LAYOUT)
    turn (in[0], *out, !nhwc);
  else if (node->op == GONIO_OP_ADD)
    add (in[0], in[1], *out);
  else
    unary (node->op, in[0], *out);
  return TRUE;
}

static gboolean
run_node (GonioCompiled *compiled, const GonioRunArgs *args, GonioNodeId id, GHashTable *values,
          GError **error)
{
  const GonioGraph *graph = compiled->region.graph;
  const GonioNode *node = gonio_graph_node (graph, id);
  if (g_cancellable_set_error_if_cancelled (args->cancellable, error))
    return FALSE;
  g_autoptr (GError) local = NULL;
  if (hook != NULL && !hook (node, hook_data, &local)) {
    if (g_error_matches (local, GONIO_BACKEND_ERROR, GONIO_BACKEND_ERROR_REFUSED))
      args->refuse (args->refuse_data, id, local->message);
    g_propagate_error (error, g_steal_pointer (&local));
    return FALSE;
  }
  GonioTensor *in[2] = {NULL, NULL};
  for (guint i = 0; i < node->n_inputs && i < 2; i++) {
    in[i] = gonio_graph_value (graph, node->inputs[i])->constant;
    if (in[i] == NULL)
      in[i] = g_hash_table_lookup (values, GUINT_TO_POINTER (node->inputs[i]));
  }
  memset (args->workspace, 0xa5, 100);
  gpointer key = GUINT_TO_POINTER (node->outputs[0]);
  GonioTensor *out = g_hash_table_lookup (values, key), *given = out;
  gint64 start = g_get_monotonic_time () * 1000;
  if (!compute (graph, node, in, &out, error))
    return FALSE;
  if (given == NULL)
    g_hash_table_insert (values, key, out);
  if (args->timer != NULL)
    args->timer (args->timer_data, id, start, start + 1);
  return TRUE;
}

static gboolean
run_nodes (GonioCompiled *compiled, const GonioRunArgs *args, GonioTensor *const *inputs,
           GonioTensor **outputs, GError **error)
{
  const GonioRegion *region = &compiled->region;
  g_autoptr (GHashTable) values =
      g_hash_table_new_full (NULL, NULL, NULL, (GDestroyNotify)gonio_tensor_unref);
  for (guint i = 0; i < region->n_inputs; i++)
    g_hash_table_insert (values, GUINT_TO_POINTER (region->inputs[i]),
                         gonio_tensor_ref (inputs[i]));
  for (guint i = 0; i < region->n_outputs; i++)
    if (outputs[i] != NULL)
      g_hash_table_insert (values, GUINT_TO_POINTER (region->outputs[i]),
                           gonio_tensor_ref (outputs[i]));
  for (guint i = 0; i < region->n_nodes; i++)
    if (!run_node (compiled, args, region->nodes[i], values, error))
      return FALSE;
  for (guint i = 0; i < region->n_outputs; i++)
    if (outputs[i] == NULL)
      outputs[i] =
          gonio_tensor_ref (g_hash_table_lookup (values, GUINT_TO_POINTER (region->outputs[i])));
  return TRUE;
}

static gboolean
run (GonioCompiled *compiled, const GonioRunArgs *args, GonioTensor *const *inputs,
     GonioTensor **outputs, GError **error)
{
  int inside = g_atomic_int_add (&compiled->inside, 1) + 1;
  for (int most = gonio_fake_most_at_once ();
       inside > most && !g_atomic_int_compare_and_exchange (&most_at_once, most, inside);)
    most = gonio_fake_most_at_once ();
  gboolean ok = run_nodes (compiled, args, inputs, outputs, error);
  g_atomic_int_add (&compiled->inside, -1);
  return ok;
}

/* All but the name and what follows it. */
#define FAKE(NAME, ...)                                                                            \
  {                                                                                                \
    .api_version = GONIO_BACKEND_API, .name = NAME, .create = create, .destroy = destroy,          \
    .compile = compile, .compiled_free = compiled_free, .workspace_size = workspace_size,          \
    .run = run, __VA_ARGS__                                                                        \
  }
#define FAST .claim = claim_fast, .serial = TRUE, .any_layout = TRUE

const GonioBackendDef gonio_fake_fast = FAKE ("fast", FAST);
const GonioBackendDef gonio_fake_fleeting = FAKE ("fleeting", FAST, .revocable = TRUE);
const GonioBackendDef gonio_fake_host = FAKE ("host", .claim = claim_host);
