/* Loop, Scan and SequenceMap: a body that runs again and again. Depends on program.h.
 *
 * How often is up to the model, so every round polls the cancellable and counts against the run's
 * limit of rounds, and what piles up over the rounds has a budget. */
#include "backends/reference/program.h"

/* All piled tensors of one node together, and what each costs besides its data. */
#define PILE_MAX_BYTES  ((size_t)2 << 30)
#define PILE_ITEM_BYTES ((size_t)512)

/* ---- piles: what the body makes in every round ---- */

typedef struct {
  guint n;
  RefItems *tensors; /* per pile */
  size_t bytes;      /* of all */
} Piles;

static void
piles_init (Piles *piles, guint n)
{
  *piles = (Piles){.n = n, .tensors = g_new0 (RefItems, n + 1)};
}

static void
piles_clear (Piles *piles)
{
  for (guint i = 0; i < piles->n; i++)
    ref_items_clear (&piles->tensors[i]);
  g_clear_pointer (&piles->tensors, g_free);
  piles->n = 0;
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Piles, piles_clear)

static size_t
cost_of (const GonioTensor *tensor)
{
  return gonio_tensor_size (tensor) + gonio_tensor_text_bytes (tensor) + PILE_ITEM_BYTES;
}

static gboolean
piles_add (Piles *piles, guint i, GonioTensor *tensor, gboolean same_shape, GError **error)
{
  RefItems *pile = &piles->tensors[i];
  const GonioTensor *first = pile->n > 0 ? pile->items[0] : tensor;

  if (gonio_tensor_kind (tensor) != GONIO_KIND_TENSOR ||
      gonio_tensor_dtype (tensor) != gonio_tensor_dtype (first) ||
      (same_shape &&
       !gonio_shape_equal (gonio_tensor_shape (tensor), gonio_tensor_shape (first)))) {
    g_autofree char *was = gonio_list_describe (first);
    g_autofree char *is = gonio_list_describe (tensor);

    return ref_bad_shape (error, "what piles up must be alike: %s in round 0, %s in round %zu", was,
                          is, pile->n);
  }
  piles->bytes += cost_of (tensor);
  if (piles->bytes > PILE_MAX_BYTES) {
    ref_raise (error, GONIO_RUN_ERROR_MEMORY,
               "after %zu rounds its outputs have grown beyond %zu MiB; does it ever end?",
               pile->n + 1, PILE_MAX_BYTES >> 20);
    return FALSE;
  }
  return ref_items_take (pile, gonio_tensor_ref (tensor), error);
}

/* No round at all: no elements, of the shape that is known of the body's output. */
static gboolean
output_no_rounds (GonioKernel *k, guint output, const GonioValue *item, int64_t axis_given,
                  GError **error)
{
  GonioDType dtype = item->dtype != GONIO_DTYPE_NONE
                         ? item->dtype
                         : gonio_graph_value (k->graph, k->node->outputs[output])->dtype;
  GonioShape shape = {.rank = item->shape.has_rank ? item->shape.rank + 1 : 1};
  int axis;

  if (dtype == GONIO_DTYPE_NONE)
    return ref_bad_shape (error, "no round was run, so the type of output %u is not known", output);
  if (shape.rank > GONIO_MAX_RANK)
    return ref_bad_shape (error, "output %u would have %d dimensions", output, shape.rank);
  if (!ref_axis (axis_given, shape.rank, &axis, error))
    return FALSE;
  for (int d = 0; d < shape.rank; d++)
    shape.dims[d] = d == axis ? 0 : MAX (item->shape.dims[d < axis ? d : d - 1].value, 0);
  return ref_output (k, output, dtype, &shape, error) != NULL;
}

/* The output from its pile, stacked along an axis. item: the body's output. */
static gboolean
output_pile (GonioKernel *k, guint output, const RefItems *pile, const GonioValue *item,
             int64_t axis, gboolean backwards, GError **error)
{
  if (pile->n == 0)
    return output_no_rounds (k, output, item, axis, error);
  if (backwards)
    for (size_t a = 0, b = pile->n - 1; a < b; a++, b--) {
      GonioTensor *swap = pile->items[a];

      pile->items[a] = pile->items[b];
      pile->items[b] = swap;
    }
  return ref_stack (k, output, pile->items, (guint)pile->n, axis, error);
}

/* ---- states: what one round hands to the next ---- */

typedef struct {
  guint n;
  GonioTensor **values; /* owned */
} States;

static void
states_clear (States *states)
{
  for (guint i = 0; i < states->n; i++)
    g_clear_pointer (&states->values[i], gonio_tensor_unref);
  g_clear_pointer (&states->values, g_free);
  states->n = 0;
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (States, states_clear)

static gboolean
states_init (States *states, const GonioKernel *k, guint first, guint n, GError **error)
{
  *states = (States){.n = n, .values = g_new0 (GonioTensor *, n + 1)};
  for (guint i = 0; i < n; i++) {
    GonioTensor *value = ref_in (k, first + i);

    if (value == NULL)
      return ref_bad_shape (error, "input %u is missing", first + i);
    states->values[i] = gonio_tensor_ref (value);
  }
  return TRUE;
}

static GonioDType
inner_dtype (const GonioTensor *value)
{
  return gonio_tensor_kind (value) == GONIO_KIND_TENSOR ? gonio_tensor_dtype (value)
                                                        : gonio_list_dtype (value);
}

/* State i becomes value, whose element type must be as before. */
static gboolean
states_take (States *states, guint i, GonioTensor *value, gboolean same_shape, GError **error)
{
  GonioTensor *old = states->values[i];
  GonioDType was = inner_dtype (old), is = inner_dtype (value);

  if ((was != GONIO_DTYPE_NONE && is != GONIO_DTYPE_NONE && was != is) ||
      (same_shape && !gonio_shape_equal (gonio_tensor_shape (old), gonio_tensor_shape (value)))) {
    g_autofree char *before = gonio_list_describe (old);
    g_autofree char *after = gonio_list_describe (value);

    return ref_bad_shape (error, "state %u must stay alike, but was %s and became %s", i, before,
                          after);
  }
  states->values[i] = gonio_tensor_ref (value);
  gonio_tensor_unref (old);
  return TRUE;
}

/* The value as a kind: what is certainly there may stand where an optional value is wanted, and
 * the other way round while there is something inside. (transfer full) */
static GonioTensor *
as_kind (GonioTensor *value, GonioKind kind, GError **error)
{
  GonioKind is = gonio_tensor_kind (value);

  if ((is == GONIO_KIND_TENSOR && kind == GONIO_KIND_OPTIONAL) ||
      (is == GONIO_KIND_SEQUENCE && kind == GONIO_KIND_OPTIONAL_SEQUENCE)) {
    g_autoptr (GonioTensor) own =
        is == GONIO_KIND_TENSOR ? ref_own (value, error) : gonio_tensor_ref (value);

    return own != NULL ? gonio_list_new (kind, GONIO_DTYPE_NONE, &own, 1, error) : NULL;
  }
  if ((is == GONIO_KIND_OPTIONAL && kind == GONIO_KIND_TENSOR) ||
      (is == GONIO_KIND_OPTIONAL_SEQUENCE && kind == GONIO_KIND_SEQUENCE)) {
    if (gonio_list_length (value) > 0)
      return gonio_tensor_ref (gonio_list_item (value, 0));
    ref_raise (error, GONIO_RUN_ERROR_VALUE, "a %s is wanted, but the optional value is empty",
               gonio_kind_name (kind));
    return NULL;
  }
  if (is != kind) {
    ref_raise (error, GONIO_RUN_ERROR_SHAPE, "a value of kind %s is wanted, not %s",
               gonio_kind_name (kind), gonio_kind_name (is));
    return NULL;
  }
  return gonio_tensor_ref (value);
}

/* ---- bodies ---- */

static const GonioValue *
body_input (const RefBody *body, guint i)
{
  guint n;

  return gonio_graph_value (body->graph, gonio_graph_inputs (body->graph, &n)[i]);
}

static const GonioValue *
body_output (const RefBody *body, guint i)
{
  guint n;

  return gonio_graph_value (body->graph, gonio_graph_outputs (body->graph, &n)[i]);
}

static gboolean
check_body (const RefBody *body, guint n_inputs, guint n_outputs, GError **error)
{
  return (body->n_inputs == n_inputs && body->n_outputs >= n_outputs) ||
         ref_bad_shape (error, "the body has %u inputs and %u outputs; %u and %u are needed",
                        body->n_inputs, body->n_outputs, n_inputs, n_outputs);
}

/* ---- Loop ---- */

typedef struct {
  RefBody body;
  States states;
  Piles piles;
  int64_t limit; /* rounds at most; G_MAXINT64: no limit */
  gboolean go_on;
} Loop;

static void
loop_clear (Loop *loop)
{
  ref_body_clear (&loop->body);
  states_clear (&loop->states);
  piles_clear (&loop->piles);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Loop, loop_clear)

static gboolean
loop_init (Loop *loop, const GonioKernel *k, GError **error)
{
  guint n_states = MAX (k->node->n_inputs, 2) - 2;
  const GonioTensor *limit = ref_in (k, 0), *condition = ref_in (k, 1);
  int64_t go_on = 1;

  loop->limit = G_MAXINT64;
  if ((limit != NULL && !ref_scalar_int (limit, &loop->limit, "the trip count", error)) ||
      (condition != NULL && !ref_scalar_int (condition, &go_on, "the condition", error)) ||
      !ref_body_init (&loop->body, k, "body", error) ||
      !check_body (&loop->body, 2 + n_states, 1 + MAX (n_states, k->node->n_outputs), error) ||
      !states_init (&loop->states, k, 2, n_states, error))
    return FALSE;
  loop->go_on = go_on != 0;
  piles_init (&loop->piles, loop->body.n_outputs - 1 - n_states);
  return TRUE;
}

/* The round's number or condition, as a scalar or, when the body says so, a list of one. */
static GonioTensor *
number_for (const RefBody *body, guint i, GonioDType dtype, int64_t number, GError **error)
{
  const GonioSymShape *wanted = &body_input (body, i)->shape;
  GonioShape shape = {.rank = wanted->has_rank && wanted->rank == 1, .dims = {1}};
  GonioTensor *tensor = gonio_tensor_new (dtype, &shape, error);

  if (tensor != NULL && dtype == GONIO_DTYPE_INT64)
    *(int64_t *)gonio_tensor_writable_data (tensor) = number;
  else if (tensor != NULL)
    *(guint8 *)gonio_tensor_writable_data (tensor) = number != 0;
  return tensor;
}

/* What the body has made goes into states and piles; its condition decides on the next round. */
static gboolean
loop_take (Loop *loop, const GonioKernel *k, GError **error)
{
  GonioTensor **made = loop->body.outputs;
  guint n_states = loop->states.n;
  int64_t go_on;

  if (gonio_tensor_dtype (made[0]) != GONIO_DTYPE_BOOL)
    return ref_bad_shape (error, "the body's condition is no bool");
  if (!ref_scalar_int (made[0], &go_on, "the body's condition", error))
    return FALSE;
  loop->go_on = go_on != 0;
  for (guint i = 0; i < n_states; i++)
    if (!states_take (&loop->states, i, made[1 + i], FALSE, error))
      return FALSE;
  for (guint i = 0; i < loop->piles.n; i++)
    if (ref_wants (k, n_states + i) &&
        !piles_add (&loop->piles, i, made[1 + n_states + i], TRUE, error))
      return FALSE;
  return TRUE;
}

static gboolean
loop_round (Loop *loop, const GonioKernel *k, int64_t round, GError **error)
{
  guint n = loop->states.n;
  g_auto (States) args = {.n = 2 + n, .values = g_new0 (GonioTensor *, n + 3)};

  args.values[0] = number_for (&loop->body, 0, GONIO_DTYPE_INT64, round, error);
  args.values[1] = args.values[0] != NULL
                       ? number_for (&loop->body, 1, GONIO_DTYPE_BOOL, loop->go_on, error)
                       : NULL;
  if (args.values[1] == NULL)
    return FALSE;
  for (guint i = 0; i < n; i++) {
    args.values[2 + i] =
        as_kind (loop->states.values[i], body_input (&loop->body, 2 + i)->kind, error);
    if (args.values[2 + i] == NULL)
      return FALSE;
  }
  return gonio_work_round (error) && ref_body_run (&loop->body, k, args.values, error) &&
         loop_take (loop, k, error);
}

static gboolean
loop_output (const Loop *loop, GonioKernel *k, guint i, GError **error)
{
  const GonioValue *made = body_output (&loop->body, 1 + i);
  g_autoptr (GonioTensor) value = NULL;

  if (i >= loop->states.n)
    return output_pile (k, i, &loop->piles.tensors[i - loop->states.n], made, 0, FALSE, error);
  value = as_kind (loop->states.values[i], made->kind, error);
  return value != NULL && ref_output_value (k, i, value, FALSE, error);
}

static gboolean
run_loop (GonioKernel *k, GError **error)
{
  g_auto (Loop) loop = {0};

  if (!loop_init (&loop, k, error))
    return FALSE;
  for (int64_t round = 0; loop.go_on && round < loop.limit; round++)
    if (!loop_round (&loop, k, round, error)) {
      g_prefix_error (error, "round %" G_GINT64_FORMAT ": ", round);
      return FALSE;
    }
  for (guint i = 0; i < k->node->n_outputs; i++)
    if (ref_wants (k, i) && !loop_output (&loop, k, i, error))
      return FALSE;
  return TRUE;
}

/* ---- Scan ---- */

/* Entry i of an attribute with n integers; 0 when it is absent. */
static gboolean
listed (const GonioKernel *k, const char *name, guint n, guint i, int64_t *out, GError **error)
{
  guint count;
  const int64_t *ints = gonio_node_attr_ints (k->node, name, &count);

  if (ints != NULL && count != n)
    return ref_bad_value (error, "%s has %u entries, %u are needed", name, count, n);
  *out = ints != NULL ? ints[i] : 0;
  return TRUE;
}

typedef struct {
  const GonioTensor *tensor;
  int axis;
  gboolean backwards;
} Scanned;

typedef struct {
  RefBody body;
  States states;
  Piles piles;
  Scanned *scanned;
  guint n_scanned;
  int64_t length;
} Scan;

static void
scan_clear (Scan *scan)
{
  ref_body_clear (&scan->body);
  states_clear (&scan->states);
  piles_clear (&scan->piles);
  g_clear_pointer (&scan->scanned, g_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Scan, scan_clear)

static gboolean
scan_input (Scan *scan, const GonioKernel *k, guint i, GError **error)
{
  Scanned *in = &scan->scanned[i];
  int64_t axis, backwards, dim;

  in->tensor = ref_in (k, scan->states.n + i);
  if (in->tensor == NULL)
    return ref_bad_shape (error, "input %u is missing", scan->states.n + i);
  if (!listed (k, "scan_input_axes", scan->n_scanned, i, &axis, error) ||
      !listed (k, "scan_input_directions", scan->n_scanned, i, &backwards, error) ||
      !ref_axis (axis, gonio_tensor_shape (in->tensor)->rank, &in->axis, error))
    return FALSE;
  in->backwards = backwards != 0;
  dim = gonio_tensor_shape (in->tensor)->dims[in->axis];
  if (i > 0 && dim != scan->length)
    return ref_bad_shape (
        error, "the inputs it scans have lengths %" G_GINT64_FORMAT " and %" G_GINT64_FORMAT,
        scan->length, dim);
  /* Beside an empty dimension a length costs no bytes and may be anything. */
  if (gonio_tensor_count (in->tensor) == 0 && dim > GONIO_LIST_MAX_ITEMS)
    return ref_bad_shape (error, "%" G_GINT64_FORMAT " rounds over an empty tensor are too many",
                          dim);
  scan->length = dim;
  return TRUE;
}

static gboolean
scan_init (Scan *scan, const GonioKernel *k, GError **error)
{
  int64_t n_scanned = ref_attr_int (k, "num_scan_inputs", 0);
  guint n_states;

  if (n_scanned < 1 || n_scanned > k->node->n_inputs)
    return ref_bad_value (error, "num_scan_inputs is %" G_GINT64_FORMAT " of %u inputs", n_scanned,
                          k->node->n_inputs);
  n_states = k->node->n_inputs - (guint)n_scanned;
  if (!ref_body_init (&scan->body, k, "body", error) ||
      !check_body (&scan->body, k->node->n_inputs, MAX (n_states, k->node->n_outputs), error) ||
      !states_init (&scan->states, k, 0, n_states, error))
    return FALSE;
  piles_init (&scan->piles, scan->body.n_outputs - n_states);
  scan->n_scanned = (guint)n_scanned;
  scan->scanned = g_new0 (Scanned, scan->n_scanned);
  for (guint i = 0; i < scan->n_scanned; i++)
    if (!scan_input (scan, k, i, error))
      return FALSE;
  return TRUE;
}

static gboolean
scan_round (Scan *scan, const GonioKernel *k, int64_t round, GError **error)
{
  guint n = scan->states.n;
  g_auto (States)
      args = {.n = scan->body.n_inputs, .values = g_new0 (GonioTensor *, scan->body.n_inputs + 1)};

  for (guint i = 0; i < n; i++)
    args.values[i] = gonio_tensor_ref (scan->states.values[i]);
  for (guint i = 0; i < scan->n_scanned; i++) {
    const Scanned *in = &scan->scanned[i];

    args.values[n + i] = ref_part (
        in->tensor, in->axis, in->backwards ? scan->length - 1 - round : round, 1, FALSE, error);
    if (args.values[n + i] == NULL)
      return FALSE;
  }
  if (!gonio_work_round (error) || !ref_body_run (&scan->body, k, args.values, error))
    return FALSE;
  for (guint i = 0; i < n; i++)
    if (!states_take (&scan->states, i, scan->body.outputs[i], TRUE, error))
      return FALSE;
  for (guint i = 0; i < scan->piles.n; i++)
    if (ref_wants (k, n + i) &&
        !piles_add (&scan->piles, i, scan->body.outputs[n + i], TRUE, error))
      return FALSE;
  return TRUE;
}

static gboolean
scan_output (const Scan *scan, GonioKernel *k, guint i, GError **error)
{
  guint pile = i - scan->states.n;
  int64_t axis, backwards;

  if (i < scan->states.n)
    return ref_output_value (k, i, scan->states.values[i], FALSE, error);
  return listed (k, "scan_output_axes", scan->piles.n, pile, &axis, error) &&
         listed (k, "scan_output_directions", scan->piles.n, pile, &backwards, error) &&
         output_pile (k, i, &scan->piles.tensors[pile], body_output (&scan->body, i), axis,
                      backwards != 0, error);
}

static gboolean
run_scan (GonioKernel *k, GError **error)
{
  g_auto (Scan) scan = {0};

  if (!scan_init (&scan, k, error))
    return FALSE;
  for (int64_t round = 0; round < scan.length; round++)
    if (!scan_round (&scan, k, round, error)) {
      g_prefix_error (error, "round %" G_GINT64_FORMAT ": ", round);
      return FALSE;
    }
  for (guint i = 0; i < k->node->n_outputs; i++)
    if (ref_wants (k, i) && !scan_output (&scan, k, i, error))
      return FALSE;
  return TRUE;
}

/* ---- SequenceMap ---- */

/* Sequences must be as long as the first; tensors are given to every round whole. */
static gboolean
check_sequences (const GonioKernel *k, guint *out_length, GError **error)
{
  GonioTensor *first = ref_in_kind (k, 0, GONIO_KIND_SEQUENCE, error);

  if (first == NULL)
    return FALSE;
  *out_length = gonio_list_length (first);
  for (guint i = 1; i < k->node->n_inputs; i++) {
    const GonioTensor *value = k->inputs[i];

    if (value == NULL)
      return ref_bad_shape (error, "input %u is missing", i);
    if (gonio_tensor_kind (value) == GONIO_KIND_TENSOR)
      continue;
    if (ref_in_kind (k, i, GONIO_KIND_SEQUENCE, error) == NULL)
      return FALSE;
    if (gonio_list_length (value) != *out_length)
      return ref_bad_shape (error, "its sequences have %u and %u tensors", *out_length,
                            gonio_list_length (value));
  }
  return TRUE;
}

static gboolean
map_round (RefBody *body, const GonioKernel *k, guint round, Piles *piles, GError **error)
{
  g_autofree GonioTensor **args = g_new0 (GonioTensor *, body->n_inputs + 1);

  for (guint i = 0; i < body->n_inputs; i++)
    args[i] = gonio_tensor_kind (k->inputs[i]) == GONIO_KIND_TENSOR
                  ? k->inputs[i]
                  : gonio_list_item (k->inputs[i], round);
  if (!gonio_work_round (error) || !ref_body_run (body, k, args, error))
    return FALSE;
  for (guint i = 0; i < piles->n; i++) {
    g_autoptr (GonioTensor) own = NULL;

    if (!ref_wants (k, i))
      continue;
    if (gonio_tensor_kind (body->outputs[i]) != GONIO_KIND_TENSOR)
      return ref_bad_shape (error, "output %u of the body is no tensor", i);
    own = ref_own (body->outputs[i], error);
    if (own == NULL || !piles_add (piles, i, own, FALSE, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
run_sequence_map (GonioKernel *k, GError **error)
{
  g_auto (RefBody) body = {0};
  g_auto (Piles) piles = {0};
  guint length;

  if (!check_sequences (k, &length, error) || !ref_body_init (&body, k, "body", error) ||
      !check_body (&body, k->node->n_inputs, k->node->n_outputs, error))
    return FALSE;
  piles_init (&piles, k->node->n_outputs);
  for (guint round = 0; round < length; round++)
    if (!map_round (&body, k, round, &piles, error)) {
      g_prefix_error (error, "round %u: ", round);
      return FALSE;
    }
  for (guint i = 0; i < k->node->n_outputs; i++) {
    if (!ref_wants (k, i))
      continue;
    k->outputs[i] = gonio_list_new (GONIO_KIND_SEQUENCE, body_output (&body, i)->dtype,
                                    piles.tensors[i].items, (guint)piles.tensors[i].n, error);
    if (k->outputs[i] == NULL)
      return FALSE;
  }
  return TRUE;
}

const RefRow ref_rows_loop[] = {
    {GONIO_OP_LOOP, run_loop, NULL, {REF_T (INT64), REF_BOOL, REF_ANY | REF_LIST}, 0, 0},
    {GONIO_OP_SCAN, run_scan, NULL, {REF_ANY}, 0, 0},
    {GONIO_OP_SEQUENCE_MAP, run_sequence_map, NULL, {REF_ANY | REF_LIST}, 0, 0},
    {0},
};
