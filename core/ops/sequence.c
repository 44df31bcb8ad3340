/* Sequences and optional values: making them, taking them apart. Depends on family.h.
 *
 * Of the tensors inside a list only their element type is known; their shapes may differ. */
#include "core/ops/family.h"

#include <string.h>

/* ---- kinds ---- */

/* A value nothing is known of yet counts as a tensor in the graph. */
static gboolean
is_unknown (const GonioValue *value)
{
  return value->kind == GONIO_KIND_TENSOR && value->dtype == GONIO_DTYPE_NONE &&
         !value->shape.has_rank && !value->constant;
}

gboolean
gonio_infer_need_kind (const GonioInfer *infer, guint i, GonioKind kind, GError **error)
{
  const GonioValue *value = gonio_infer_input (infer, i);

  if (!value || value->kind == kind || is_unknown (value))
    return TRUE;
  return gonio_infer_fail (error, "input %u (“%s”) must be of kind %s, but is of kind %s.", i,
                           value->name, gonio_kind_name (kind), gonio_kind_name (value->kind));
}

gboolean
gonio_infer_set_list (GonioInfer *infer, guint i, GonioKind kind, GonioDType dtype, GError **error)
{
  if (!gonio_infer_has_output (infer, i))
    return TRUE;
  gonio_graph_set_kind (infer->graph, infer->node->outputs[i], kind);
  return gonio_infer_dtype_only (infer, i, dtype, error);
}

static GonioKind
kind_of (const GonioInfer *infer, guint i)
{
  const GonioValue *value = gonio_infer_input (infer, i);
  return value ? value->kind : GONIO_KIND_TENSOR;
}

/* The better known of the types of two inputs. */
static GonioDType
either_dtype (const GonioInfer *infer, guint a, guint b)
{
  GonioDType dtype = gonio_infer_dtype (infer, a);
  return dtype ? dtype : gonio_infer_dtype (infer, b);
}

static gboolean
need_sequence (const GonioInfer *infer, GError **error)
{
  return gonio_infer_need_kind (infer, 0, GONIO_KIND_SEQUENCE, error);
}

/* ---- sequences ---- */

static gboolean
infer_construct (GonioInfer *infer, GError **error)
{
  GonioDType dtype = GONIO_DTYPE_NONE;

  for (guint i = 0; i < infer->node->n_inputs; i++) {
    GonioDType given = gonio_infer_dtype (infer, i);
    if (!gonio_infer_need_kind (infer, i, GONIO_KIND_TENSOR, error))
      return FALSE;
    if (dtype && given && dtype != given)
      return gonio_infer_fail (error, "a sequence of %s cannot hold input %u, which is %s.",
                               gonio_dtype_name (dtype), i, gonio_dtype_name (given));
    dtype = dtype ? dtype : given;
  }
  return gonio_infer_set_list (infer, 0, GONIO_KIND_SEQUENCE, dtype, error);
}

static gboolean
infer_empty (GonioInfer *infer, GError **error)
{
  int64_t dtype = gonio_node_attr_int (infer->node, "dtype", GONIO_DTYPE_FLOAT);

  if (dtype <= GONIO_DTYPE_NONE || dtype >= GONIO_DTYPE_COUNT)
    return gonio_infer_fail (error, "element type %" G_GINT64_FORMAT " is unknown.", dtype);
  return gonio_infer_set_list (infer, 0, GONIO_KIND_SEQUENCE, (GonioDType)dtype, error);
}

static gboolean
infer_insert (GonioInfer *infer, GError **error)
{
  return need_sequence (infer, error) &&
         gonio_infer_need_kind (infer, 1, GONIO_KIND_TENSOR, error) &&
         gonio_infer_same_dtype (infer, 0, 1, error) &&
         gonio_infer_set_list (infer, 0, GONIO_KIND_SEQUENCE, either_dtype (infer, 0, 1), error);
}

static gboolean
infer_erase (GonioInfer *infer, GError **error)
{
  return need_sequence (infer, error) &&
         gonio_infer_set_list (infer, 0, GONIO_KIND_SEQUENCE, gonio_infer_dtype (infer, 0), error);
}

static gboolean
infer_at (GonioInfer *infer, GError **error)
{
  return need_sequence (infer, error) &&
         gonio_infer_dtype_only (infer, 0, gonio_infer_dtype (infer, 0), error);
}

static gboolean
infer_length (GonioInfer *infer, GError **error)
{
  GonioSymShape scalar = gonio_sym_rank (0);

  return need_sequence (infer, error) &&
         gonio_infer_set (infer, 0, GONIO_DTYPE_INT64, &scalar, error);
}

static gboolean
infer_split (GonioInfer *infer, GError **error)
{
  int rank = gonio_infer_rank (infer, 0), axis = 0;

  if (!gonio_infer_need_kind (infer, 0, GONIO_KIND_TENSOR, error) ||
      (rank >= 0 &&
       !gonio_infer_axis (gonio_node_attr_int (infer->node, "axis", 0), rank, &axis, error)))
    return FALSE;
  return gonio_infer_set_list (infer, 0, GONIO_KIND_SEQUENCE, gonio_infer_dtype (infer, 0), error);
}

/* ---- optional values ---- */

static gboolean
infer_optional (GonioInfer *infer, GError **error)
{
  const char *type = gonio_node_attr_string (infer->node, "type", "");
  GonioKind inside = g_str_has_prefix (type, "seq(") ? GONIO_KIND_SEQUENCE : kind_of (infer, 0);
  GonioDType dtype = gonio_infer_dtype (infer, 0);

  if (inside != GONIO_KIND_TENSOR && inside != GONIO_KIND_SEQUENCE)
    return gonio_infer_fail (error, "an optional value cannot hold another one.");
  if (!gonio_infer_need_kind (infer, 0, inside, error))
    return FALSE;
  if (dtype == GONIO_DTYPE_NONE && *type) {
    g_autofree char *name = g_strdup (strrchr (type, '(') ? strrchr (type, '(') + 1 : type);
    g_strdelimit (name, ")", '\0');
    dtype = gonio_dtype_from_name (name);
  }
  return gonio_infer_set_list (
      infer, 0, inside == GONIO_KIND_SEQUENCE ? GONIO_KIND_OPTIONAL_SEQUENCE : GONIO_KIND_OPTIONAL,
      dtype, error);
}

/* Since opset 18 what is certainly there may be asked for as well. */
static gboolean
infer_get_element (GonioInfer *infer, GError **error)
{
  GonioKind kind = kind_of (infer, 0);

  if (kind == GONIO_KIND_TENSOR)
    return gonio_infer_same (infer, error);
  if (kind == GONIO_KIND_OPTIONAL)
    return gonio_infer_dtype_only (infer, 0, gonio_infer_dtype (infer, 0), error);
  return gonio_infer_set_list (infer, 0, GONIO_KIND_SEQUENCE, gonio_infer_dtype (infer, 0), error);
}

static gboolean
infer_has_element (GonioInfer *infer, GError **error)
{
  GonioSymShape scalar = gonio_sym_rank (0);
  return gonio_infer_set (infer, 0, GONIO_DTYPE_BOOL, &scalar, error);
}

/* ---- ConcatFromSequence ---- */

static gboolean
infer_concat (GonioInfer *infer, GError **error)
{
  return need_sequence (infer, error) &&
         gonio_infer_dtype_only (infer, 0, gonio_infer_dtype (infer, 0), error);
}

/* ---- rows ---- */

static const GonioAttrSchema attrs_concat[] = {
    {"axis", GONIO_ATTR_INT, TRUE}, {"new_axis", GONIO_ATTR_INT, FALSE}, {0}};
static const GonioAttrSchema attrs_empty[] = {{"dtype", GONIO_ATTR_INT, FALSE}, {0}};
static const GonioAttrSchema attrs_optional[] = {{"type", GONIO_ATTR_STRING, FALSE}, {0}};
static const GonioAttrSchema attrs_split[] = {
    {"axis", GONIO_ATTR_INT, FALSE}, {"keepdims", GONIO_ATTR_INT, FALSE}, {0}};

#define EXACT  GONIO_TOLERANCE_EXACT
#define DATA   GONIO_OPF_DYNAMIC
#define D_AXIS (GONIO_OPF_DYNAMIC | GONIO_OPF_LAYOUT_SENSITIVE)

const GonioOpDef gonio_ops_sequence[] = {
    {GONIO_OP_CONCAT_FROM_SEQUENCE, 1, 1, 1, 1, D_AXIS, 0, EXACT, attrs_concat, infer_concat},
    {GONIO_OP_OPTIONAL, 0, 1, 1, 1, DATA, 0, EXACT, attrs_optional, infer_optional},
    {GONIO_OP_OPTIONAL_GET_ELEMENT, 1, 1, 1, 1, DATA, 0, EXACT, NULL, infer_get_element},
    {GONIO_OP_OPTIONAL_HAS_ELEMENT, 0, 1, 1, 1, 0, 0, EXACT, NULL, infer_has_element},
    {GONIO_OP_SEQUENCE_AT, 2, 2, 1, 1, DATA, 0, EXACT, NULL, infer_at},
    {GONIO_OP_SEQUENCE_CONSTRUCT, 1, -1, 1, 1, DATA, 0, EXACT, NULL, infer_construct},
    {GONIO_OP_SEQUENCE_EMPTY, 0, 0, 1, 1, DATA, 0, EXACT, attrs_empty, infer_empty},
    {GONIO_OP_SEQUENCE_ERASE, 1, 2, 1, 1, DATA, 0, EXACT, NULL, infer_erase},
    {GONIO_OP_SEQUENCE_INSERT, 2, 3, 1, 1, DATA, 0, EXACT, NULL, infer_insert},
    {GONIO_OP_SEQUENCE_LENGTH, 1, 1, 1, 1, 0, 0, EXACT, NULL, infer_length},
    {GONIO_OP_SPLIT_TO_SEQUENCE, 1, 2, 1, 1, D_AXIS, 0, EXACT, attrs_split, infer_split},
    {.id = GONIO_OP_INVALID},
};
