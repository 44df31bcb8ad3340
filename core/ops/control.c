/* Operators that hold subgraphs. Depends on family.h. */
#include "core/ops/family.h"

/* What is known of a captured value is known of its stand-in. */
static void
pass_captures (GonioInfer *infer, GonioGraph *sub)
{
  guint n = 0;
  const GonioCapture *captures = gonio_graph_captures (sub, &n);

  for (guint i = 0; i < n; i++) {
    const GonioValue *outer = gonio_graph_value (infer->graph, captures[i].outer);
    const GonioValue *inner = gonio_graph_value (sub, captures[i].inner);
    gonio_graph_set_kind (sub, captures[i].inner, outer->kind);
    if (outer->constant && !inner->constant) {
      gonio_graph_set_constant (sub, captures[i].inner, outer->constant);
      continue;
    }
    if (outer->dtype != GONIO_DTYPE_NONE)
      gonio_graph_set_dtype (sub, captures[i].inner, outer->dtype);
    if (outer->shape.has_rank)
      gonio_graph_set_shape (sub, captures[i].inner, &outer->shape);
    if (outer->partial)
      gonio_graph_set_partial (sub, captures[i].inner, outer->partial, outer->n_partial);
  }
}

static gboolean
infer_branch (GonioInfer *infer, GonioGraph *sub, GError **error)
{
  pass_captures (infer, sub);
  return gonio_infer_graph (sub, error);
}

static const GonioAttr *
branch (const GonioInfer *infer, const char *name)
{
  const GonioAttr *attr = gonio_node_attr (infer->node, name);
  return attr && attr->type == GONIO_ATTR_GRAPH ? attr : NULL;
}

/* What holds of two shapes alike. */
static GonioSymShape
join_shapes (const GonioSymShape *a, const GonioSymShape *b)
{
  GonioSymShape shape = {0};

  if (!a->has_rank || !b->has_rank || a->rank != b->rank)
    return shape;
  shape = gonio_sym_rank (a->rank);
  for (int d = 0; d < shape.rank; d++) {
    if (gonio_dim_equal (a->dims[d], b->dims[d]))
      shape.dims[d] = a->dims[d];
  }
  return shape;
}

/* Facts that hold whichever branch runs. */
static gboolean
join_output (GonioInfer *infer, guint i, const GonioValue *a, const GonioValue *b, GError **error)
{
  GonioSymShape shape = join_shapes (&a->shape, &b->shape);

  if (a->kind != b->kind)
    return gonio_infer_fail (error, "its branches differ in the kind of output %u.", i);
  if (a->dtype && b->dtype && a->dtype != b->dtype)
    return gonio_infer_fail (error, "its branches give %s and %s for output %u.",
                             gonio_dtype_name (a->dtype), gonio_dtype_name (b->dtype), i);
  gonio_graph_set_kind (infer->graph, infer->node->outputs[i], a->kind);
  return gonio_infer_set (infer, i, a->dtype ? a->dtype : b->dtype, &shape, error);
}

static gboolean
infer_if (GonioInfer *infer, GError **error)
{
  const GonioAttr *taken = branch (infer, "then_branch"), *other = branch (infer, "else_branch");
  guint n_then = 0, n_else = 0;

  if (!taken || !other)
    return gonio_infer_fail (error, "a branch is missing.");
  if (!infer_branch (infer, taken->graph, error) || !infer_branch (infer, other->graph, error))
    return FALSE;
  const GonioValueId *a = gonio_graph_outputs (taken->graph, &n_then);
  const GonioValueId *b = gonio_graph_outputs (other->graph, &n_else);
  if (n_then != n_else || n_then < infer->node->n_outputs)
    return gonio_infer_fail (error, "its branches have %u and %u outputs, it has %u.", n_then,
                             n_else, infer->node->n_outputs);
  for (guint i = 0; i < infer->node->n_outputs; i++) {
    if (gonio_infer_has_output (infer, i) &&
        !join_output (infer, i, gonio_graph_value (taken->graph, a[i]),
                      gonio_graph_value (other->graph, b[i]), error))
      return FALSE;
  }
  return TRUE;
}

/* ---- bodies that run again and again ---- */

static GonioGraph *
body_of (const GonioInfer *infer, GError **error)
{
  const GonioAttr *attr = branch (infer, "body");

  if (!attr)
    gonio_infer_fail (error, "its body is missing.");
  return attr ? attr->graph : NULL;
}

/* FALSE unless the body has so many inputs and at least so many outputs. */
static gboolean
check_body (const GonioGraph *body, guint n_inputs, guint n_outputs, GError **error)
{
  guint inputs = 0, outputs = 0;

  gonio_graph_inputs (body, &inputs);
  gonio_graph_outputs (body, &outputs);
  if (inputs == n_inputs && outputs >= n_outputs)
    return TRUE;
  return gonio_infer_fail (error,
                           "its body has %u inputs and %u outputs; %u and at least %u are needed.",
                           inputs, outputs, n_inputs, n_outputs);
}

/* -1: not known. */
static int
body_input_rank (const GonioGraph *body, guint i)
{
  guint n = 0;
  const GonioSymShape *shape = &gonio_graph_value (body, gonio_graph_inputs (body, &n)[i])->shape;
  return shape->has_rank ? shape->rank : -1;
}

/* Facts of input i of a body; shape nullable. The rank that the body declares must agree. */
static gboolean
tell_body (GonioGraph *body, guint i, GonioKind kind, GonioDType dtype, const GonioSymShape *shape,
           GError **error)
{
  guint n = 0;
  GonioValueId id = gonio_graph_inputs (body, &n)[i];
  const GonioValue *value = gonio_graph_value (body, id);

  if (kind != GONIO_KIND_TENSOR)
    gonio_graph_set_kind (body, id, kind);
  if (dtype && value->dtype && dtype != value->dtype)
    return gonio_infer_fail (error, "its body takes %s as “%s”, but is given %s.",
                             gonio_dtype_name (value->dtype), value->name,
                             gonio_dtype_name (dtype));
  if (dtype)
    gonio_graph_set_dtype (body, id, dtype);
  if (!shape || !shape->has_rank || value->kind != GONIO_KIND_TENSOR)
    return TRUE;
  if (value->shape.has_rank && value->shape.rank != shape->rank) {
    g_autofree char *wanted = gonio_sym_shape_to_string (&value->shape);
    g_autofree char *given = gonio_sym_shape_to_string (shape);
    return gonio_infer_fail (error, "its body takes %s as “%s”, but is given %s.", wanted,
                             value->name, given);
  }
  gonio_graph_set_shape (body, id, shape);
  return TRUE;
}

static const GonioValue *
body_output (const GonioGraph *body, guint i)
{
  guint n = 0;
  return gonio_graph_value (body, gonio_graph_outputs (body, &n)[i]);
}

/* Output i of the node piles up the body's output at that axis; length: of the pile. */
static gboolean
set_piled (GonioInfer *infer, guint i, const GonioValue *item, int64_t axis, GonioDim length,
           GError **error)
{
  GonioSymShape shape = {0};
  int at = 0;

  if (item->kind != GONIO_KIND_TENSOR)
    return gonio_infer_fail (error, "output %u of the loop would pile up values of kind %s.", i,
                             gonio_kind_name (item->kind));
  if (item->shape.has_rank) {
    if (item->shape.rank >= GONIO_MAX_RANK)
      return gonio_infer_fail (error, "output %u would have more than %d dimensions.", i,
                               GONIO_MAX_RANK);
    shape = gonio_sym_rank (item->shape.rank + 1);
    if (!gonio_infer_axis (axis, shape.rank, &at, error))
      return FALSE;
    for (int d = 0; d < shape.rank; d++)
      shape.dims[d] = d == at ? length : item->shape.dims[d < at ? d : d - 1];
  }
  return gonio_infer_set (infer, i, item->dtype, &shape, error);
}

/* ---- Loop ---- */

#define KEPT_ROUNDS 4 /* tries at finding the states that keep their shape */

/* State i after any number of rounds: what it was at first, or what the body made of it. */
static gboolean
set_state (GonioInfer *infer, guint i, const GonioValue *first, const GonioValue *made,
           GError **error)
{
  GonioDType dtype = made->dtype ? made->dtype : first->dtype;

  if (made->kind != GONIO_KIND_TENSOR)
    return gonio_infer_set_list (infer, i, made->kind, dtype, error);
  GonioSymShape shape = {0};
  if (first->kind == GONIO_KIND_TENSOR)
    shape = join_shapes (&first->shape, &made->shape);
  return gonio_infer_set (infer, i, dtype, &shape, error);
}

static gboolean
is_flat (const GonioGraph *body)
{
  for (guint n = 0; n < gonio_graph_n_nodes (body); n++) {
    const GonioNode *node = gonio_graph_node (body, n);
    if (node && gonio_op_def (node->op)->flags & GONIO_OPF_CONTROL)
      return FALSE;
  }
  return TRUE;
}

/* May state i be assumed to keep the shape it has at first? */
static gboolean
keeps_shape (const GonioInfer *infer, const GonioGraph *body, guint i)
{
  const GonioValue *first = gonio_infer_input (infer, 2 + i);
  const GonioValue *made = body_output (body, 1 + i);
  return first->kind == GONIO_KIND_TENSOR && made->kind == GONIO_KIND_TENSOR &&
         gonio_sym_shape_equal (&first->shape, &made->shape);
}

/* By induction: when a round that is given states of their first shapes makes states of the same
 * shapes, every round does. Tried on a copy, and again without those that failed. Bodies with
 * loops of their own are left out, or the work would multiply with the depth. */
static gboolean
find_kept_shapes (GonioInfer *infer, GonioGraph *body, guint n_states, gboolean *kept)
{
  for (guint i = 0; i < n_states; i++) {
    const GonioValue *first = gonio_infer_input (infer, 2 + i);
    kept[i] = first && first->kind == GONIO_KIND_TENSOR && first->shape.has_rank;
  }
  for (guint round = 0, failed = is_flat (body) ? 1 : 0; round < KEPT_ROUNDS && failed; round++) {
    g_autoptr (GonioGraph) trial = gonio_graph_clone (body);
    for (guint i = 0; i < n_states; i++) {
      if (kept[i] && !tell_body (trial, 2 + i, GONIO_KIND_TENSOR, GONIO_DTYPE_NONE,
                                 gonio_infer_shape (infer, 2 + i), NULL))
        kept[i] = FALSE;
    }
    if (!gonio_infer_graph (trial, NULL))
      return FALSE;
    failed = 0;
    for (guint i = 0; i < n_states; i++) {
      if (kept[i] && !keeps_shape (infer, trial, i)) {
        kept[i] = FALSE;
        failed++;
      }
    }
    if (failed == 0)
      return TRUE;
  }
  return FALSE;
}

static gboolean
tell_states (GonioInfer *infer, GonioGraph *body, guint n_states, GError **error)
{
  g_autofree gboolean *kept = g_new0 (gboolean, n_states + 1);

  /* A state may change its shape from round to round, but not its type. */
  for (guint i = 0; i < n_states; i++) {
    const GonioValue *first = gonio_infer_input (infer, 2 + i);
    if (first && !tell_body (body, 2 + i, first->kind, first->dtype, NULL, error))
      return FALSE;
  }
  if (!find_kept_shapes (infer, body, n_states, kept))
    return TRUE;
  for (guint i = 0; i < n_states; i++) {
    if (kept[i] && !tell_body (body, 2 + i, GONIO_KIND_TENSOR, GONIO_DTYPE_NONE,
                               gonio_infer_shape (infer, 2 + i), error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
infer_loop (GonioInfer *infer, GError **error)
{
  GonioGraph *body = body_of (infer, error);
  guint n_states = MAX (infer->node->n_inputs, 2) - 2, n_outputs = infer->node->n_outputs;
  GonioSymShape number = gonio_sym_rank (0);

  if (!body || !check_body (body, 2 + n_states, 1 + MAX (n_states, n_outputs), error))
    return FALSE;
  pass_captures (infer, body);
  /* Bodies that declare a list of one number for these are given one. */
  if (body_input_rank (body, 0) != 1 &&
      !tell_body (body, 0, GONIO_KIND_TENSOR, GONIO_DTYPE_INT64, &number, error))
    return FALSE;
  if (body_input_rank (body, 1) != 1 &&
      !tell_body (body, 1, GONIO_KIND_TENSOR, GONIO_DTYPE_BOOL, &number, error))
    return FALSE;
  if (!tell_states (infer, body, n_states, error))
    return FALSE;
  if (!gonio_infer_graph (body, error))
    return FALSE;
  for (guint i = 0; i < n_outputs; i++) {
    const GonioValue *first = i < n_states ? gonio_infer_input (infer, 2 + i) : NULL;
    const GonioValue *made = body_output (body, 1 + i);
    if (i < n_states ? first && !set_state (infer, i, first, made, error)
                     : !set_piled (infer, i, made, 0, GONIO_DIM_UNKNOWN, error))
      return FALSE;
  }
  return TRUE;
}

/* ---- Scan ---- */

static int64_t
listed (const GonioInfer *infer, const char *name, guint i)
{
  guint n = 0;
  const int64_t *ints = gonio_node_attr_ints (infer->node, name, &n);
  return i < n ? ints[i] : 0;
}

/* The body sees scan input i without its axis. *length: of all scan inputs, refined. */
static gboolean
tell_slice (GonioInfer *infer, GonioGraph *body, guint input, guint i, GonioDim *length,
            GError **error)
{
  const GonioSymShape *shape = gonio_infer_shape (infer, input);
  GonioSymShape slice = {0};
  int axis = 0;

  if (shape->has_rank) {
    GonioDim merged;
    if (!gonio_infer_axis (listed (infer, "scan_input_axes", i), shape->rank, &axis, error))
      return FALSE;
    if (!gonio_dim_merge (*length, shape->dims[axis], &merged))
      return gonio_infer_fail (error, "the inputs it scans differ in length (input %u).", input);
    *length = merged;
    slice = gonio_sym_rank (shape->rank - 1);
    for (int d = 0; d < slice.rank; d++)
      slice.dims[d] = shape->dims[d < axis ? d : d + 1];
  }
  return tell_body (body, input, GONIO_KIND_TENSOR, gonio_infer_dtype (infer, input), &slice,
                    error);
}

static gboolean
infer_scan (GonioInfer *infer, GError **error)
{
  GonioGraph *body = body_of (infer, error);
  guint n_inputs = infer->node->n_inputs, n_outputs = infer->node->n_outputs;
  int64_t n_scanned = gonio_node_attr_int (infer->node, "num_scan_inputs", 0);
  GonioDim length = GONIO_DIM_UNKNOWN;

  if (!body)
    return FALSE;
  if (n_scanned < 1 || n_scanned > n_inputs)
    return gonio_infer_fail (error,
                             "num_scan_inputs is %" G_GINT64_FORMAT ", but it has %u inputs.",
                             n_scanned, n_inputs);
  guint n_states = n_inputs - (guint)n_scanned;
  if (!check_body (body, n_inputs, MAX (n_states, n_outputs), error))
    return FALSE;
  pass_captures (infer, body);
  for (guint i = 0; i < n_inputs; i++) {
    if (!gonio_infer_need_kind (infer, i, GONIO_KIND_TENSOR, error))
      return FALSE;
    /* A state keeps its shape; the run makes sure of it. */
    if (i < n_states ? !tell_body (body, i, GONIO_KIND_TENSOR, gonio_infer_dtype (infer, i),
                                   gonio_infer_shape (infer, i), error)
                     : !tell_slice (infer, body, i, i - n_states, &length, error))
      return FALSE;
  }
  if (!gonio_infer_graph (body, error))
    return FALSE;
  for (guint i = 0; i < n_outputs; i++) {
    const GonioValue *made = body_output (body, i);
    if (i >= n_states) {
      if (!set_piled (infer, i, made, listed (infer, "scan_output_axes", i - n_states), length,
                      error))
        return FALSE;
      continue;
    }
    if (!gonio_infer_set (infer, i, gonio_infer_dtype (infer, i), gonio_infer_shape (infer, i),
                          error) ||
        !gonio_infer_set (infer, i, made->dtype, &made->shape, error))
      return FALSE;
  }
  return TRUE;
}

/* ---- SequenceMap ---- */

static gboolean
infer_sequence_map (GonioInfer *infer, GError **error)
{
  GonioGraph *body = body_of (infer, error);
  guint n_inputs = infer->node->n_inputs, n_outputs = infer->node->n_outputs;

  if (!body || !check_body (body, n_inputs, n_outputs, error) ||
      !gonio_infer_need_kind (infer, 0, GONIO_KIND_SEQUENCE, error))
    return FALSE;
  pass_captures (infer, body);
  for (guint i = 0; i < n_inputs; i++) {
    const GonioValue *value = gonio_infer_input (infer, i);
    if (value && value->kind != GONIO_KIND_TENSOR &&
        !gonio_infer_need_kind (infer, i, GONIO_KIND_SEQUENCE, error))
      return FALSE;
    if (value && !tell_body (body, i, GONIO_KIND_TENSOR, value->dtype,
                             value->kind == GONIO_KIND_TENSOR ? &value->shape : NULL, error))
      return FALSE;
  }
  if (!gonio_infer_graph (body, error))
    return FALSE;
  for (guint i = 0; i < n_outputs; i++) {
    if (!gonio_infer_set_list (infer, i, GONIO_KIND_SEQUENCE, body_output (body, i)->dtype, error))
      return FALSE;
  }
  return TRUE;
}

/* ---- rows ---- */

static const GonioAttrSchema attrs_if[] = {
    {"then_branch", GONIO_ATTR_GRAPH, TRUE}, {"else_branch", GONIO_ATTR_GRAPH, TRUE}, {0}};
static const GonioAttrSchema attrs_body[] = {{"body", GONIO_ATTR_GRAPH, TRUE}, {0}};
static const GonioAttrSchema attrs_scan[] = {{"body", GONIO_ATTR_GRAPH, TRUE},
                                             {"num_scan_inputs", GONIO_ATTR_INT, TRUE},
                                             {"scan_input_axes", GONIO_ATTR_INTS, FALSE},
                                             {"scan_input_directions", GONIO_ATTR_INTS, FALSE},
                                             {"scan_output_axes", GONIO_ATTR_INTS, FALSE},
                                             {"scan_output_directions", GONIO_ATTR_INTS, FALSE},
                                             {0}};

#define CONTROL GONIO_OPF_CONTROL
#define DYNAMIC (GONIO_OPF_CONTROL | GONIO_OPF_DYNAMIC)
#define EXACT   GONIO_TOLERANCE_EXACT

const GonioOpDef gonio_ops_control[] = {
    {GONIO_OP_IF, 1, 1, 1, -1, CONTROL, 0, EXACT, attrs_if, infer_if},
    {GONIO_OP_LOOP, 0, -1, 1, -1, DYNAMIC, 0, EXACT, attrs_body, infer_loop},
    {GONIO_OP_SCAN, 1, -1, 1, -1, CONTROL, 0, EXACT, attrs_scan, infer_scan},
    {GONIO_OP_SEQUENCE_MAP, 1, -1, 1, -1, DYNAMIC, 0, EXACT, attrs_body, infer_sequence_map},
    {.id = GONIO_OP_INVALID},
};
