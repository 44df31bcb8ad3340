/* Quantising. The integer convolutions and products have their rows with their families.
 * Depends on family.h. */
#include "core/ops/family.h"

static gboolean
dtype_attr (const GonioInfer *infer, const char *name, GonioDType fallback, GonioDType *out,
            GError **error)
{
  int64_t given = gonio_node_attr_int (infer->node, name, 0);
  if (given < 0 || given >= GONIO_DTYPE_COUNT)
    return gonio_infer_fail (error, "attribute “%s” is %" G_GINT64_FORMAT ".", name, given);
  *out = given ? (GonioDType)given : fallback;
  return TRUE;
}

/* Inputs: x, scale, zero point. The type comes from the zero point, else from output_dtype. */
static gboolean
infer_quantize (GonioInfer *infer, GError **error)
{
  GonioDType dtype = gonio_infer_dtype (infer, 2), asked = GONIO_DTYPE_NONE;

  if (!dtype_attr (infer, "output_dtype", GONIO_DTYPE_NONE, &asked, error))
    return FALSE;
  if (!gonio_infer_input (infer, 2))
    dtype = asked ? asked : GONIO_DTYPE_UINT8;
  else if (asked && dtype && asked != dtype)
    return gonio_infer_fail (error, "output_dtype is %s, the zero point %s.",
                             gonio_dtype_name (asked), gonio_dtype_name (dtype));
  return gonio_infer_set (infer, 0, dtype, gonio_infer_shape (infer, 0), error);
}

static gboolean
infer_dequantize (GonioInfer *infer, GError **error)
{
  GonioDType dtype = GONIO_DTYPE_NONE;
  return gonio_infer_same_dtype (infer, 0, 2, error) &&
         dtype_attr (infer, "output_dtype", gonio_infer_dtype (infer, 1), &dtype, error) &&
         gonio_infer_set (infer, 0, dtype, gonio_infer_shape (infer, 0), error);
}

static gboolean
infer_dynamic_quantize (GonioInfer *infer, GError **error)
{
  GonioSymShape scalar = gonio_sym_rank (0);
  return gonio_infer_set (infer, 0, GONIO_DTYPE_UINT8, gonio_infer_shape (infer, 0), error) &&
         gonio_infer_set (infer, 1, GONIO_DTYPE_FLOAT, &scalar, error) &&
         gonio_infer_set (infer, 2, GONIO_DTYPE_UINT8, &scalar, error);
}

static const GonioAttrSchema attrs_quantize[] = {
    {"axis", GONIO_ATTR_INT, FALSE},         {"block_size", GONIO_ATTR_INT, FALSE},
    {"output_dtype", GONIO_ATTR_INT, FALSE}, {"precision", GONIO_ATTR_INT, FALSE},
    {"saturate", GONIO_ATTR_INT, FALSE},     {0}};
static const GonioAttrSchema attrs_dequantize[] = {{"axis", GONIO_ATTR_INT, FALSE},
                                                   {"block_size", GONIO_ATTR_INT, FALSE},
                                                   {"output_dtype", GONIO_ATTR_INT, FALSE},
                                                   {0}};

#define LAYOUT   GONIO_OPF_LAYOUT_SENSITIVE
#define ROUNDING GONIO_TOLERANCE_ROUNDING

const GonioOpDef gonio_ops_quant[] = {
    /* Not folded: a dequantised weight is four times as large and hides from integer kernels. */
    {GONIO_OP_DEQUANTIZE_LINEAR, 2, 3, 1, 1, LAYOUT | GONIO_OPF_NO_FOLD, 0, ROUNDING,
     attrs_dequantize, infer_dequantize},
    {GONIO_OP_DYNAMIC_QUANTIZE_LINEAR, 1, 1, 3, 3, LAYOUT, 0, ROUNDING, NULL,
     infer_dynamic_quantize},
    {GONIO_OP_QUANTIZE_LINEAR, 2, 3, 1, 1, LAYOUT, 0, ROUNDING, attrs_quantize, infer_quantize},
    {.id = GONIO_OP_INVALID},
};
