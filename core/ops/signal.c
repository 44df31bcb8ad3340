/* Windows and Fourier transforms. Depends on family.h. */
#include "core/ops/family.h"

static gboolean
output_type (const GonioInfer *infer, GonioDType *out, GError **error)
{
  int64_t dtype = gonio_node_attr_int (infer->node, "output_datatype", GONIO_DTYPE_FLOAT);
  if (dtype <= 0 || dtype >= GONIO_DTYPE_COUNT)
    return gonio_infer_fail (error, "output_datatype is %" G_GINT64_FORMAT ".", dtype);
  *out = (GonioDType)dtype;
  return TRUE;
}

static gboolean
infer_window (GonioInfer *infer, GError **error)
{
  GonioSymShape shape = gonio_sym_rank (1);
  GonioDType dtype = GONIO_DTYPE_NONE;
  int64_t size = 0;

  if (gonio_infer_scalar (infer, 0, &size)) {
    if (size < 0)
      return gonio_infer_fail (error, "size is %" G_GINT64_FORMAT ".", size);
    shape.dims[0] = GONIO_DIM (size);
  }
  return output_type (infer, &dtype, error) && gonio_infer_set (infer, 0, dtype, &shape, error);
}

/* Input [...,signal,...,1 or 2]; the transformed axis gets the given length, its first half plus
 * one when one-sided. A one-sided inverse gives real numbers of the full length. */
static gboolean
infer_dft (GonioInfer *infer, GError **error)
{
  GonioSymShape shape = *gonio_infer_shape (infer, 0);
  gboolean onesided = gonio_node_attr_int (infer->node, "onesided", 0) != 0;
  gboolean inverse = gonio_node_attr_int (infer->node, "inverse", 0) != 0;
  int64_t length = 0, given = -2;
  int axis = 0;

  if (!shape.has_rank)
    return gonio_infer_dtype_only (infer, 0, gonio_infer_dtype (infer, 0), error);
  if (!gonio_infer_need_rank (infer, 0, 2, GONIO_MAX_RANK, error))
    return FALSE;
  if (gonio_infer_input (infer, 2) && !gonio_infer_scalar (infer, 2, &given)) {
    shape = gonio_sym_rank (shape.rank);
    return gonio_infer_set (infer, 0, gonio_infer_dtype (infer, 0), &shape, error);
  }
  if (!gonio_infer_axis (given, shape.rank, &axis, error))
    return FALSE;
  if (axis == shape.rank - 1)
    return gonio_infer_fail (error, "the last axis holds real and imaginary part.");
  if (!gonio_infer_input (infer, 1))
    length = shape.dims[axis].value < 0 ? -1
             : onesided && inverse      ? 2 * (shape.dims[axis].value - 1)
                                        : shape.dims[axis].value;
  else if (!gonio_infer_scalar (infer, 1, &length))
    length = -1;
  else if (length < 1 || length > GONIO_MAX_DIM)
    return gonio_infer_fail (error, "dft_length is %" G_GINT64_FORMAT ".", length);
  shape.dims[axis] = length < 0             ? GONIO_DIM_UNKNOWN
                     : onesided && !inverse ? GONIO_DIM (length / 2 + 1)
                                            : GONIO_DIM (length);
  shape.dims[shape.rank - 1] = GONIO_DIM (onesided && inverse ? 1 : 2);
  return gonio_infer_set (infer, 0, gonio_infer_dtype (infer, 0), &shape, error);
}

/* Inputs: mel bins, transform length, sample rate, lower and upper edge. */
static gboolean
infer_mel (GonioInfer *infer, GError **error)
{
  GonioSymShape shape = gonio_sym_rank (2);
  GonioDType dtype = GONIO_DTYPE_NONE;
  int64_t bins = 0, length = 0;

  if (gonio_infer_scalar (infer, 1, &length) && length >= 0)
    shape.dims[0] = GONIO_DIM (length / 2 + 1);
  if (gonio_infer_scalar (infer, 0, &bins) && bins >= 0)
    shape.dims[1] = GONIO_DIM (bins);
  return output_type (infer, &dtype, error) && gonio_infer_set (infer, 0, dtype, &shape, error);
}

/* Inputs: signal [batch,length,1 or 2], step, window, frame length. */
static gboolean
infer_stft (GonioInfer *infer, GError **error)
{
  GonioSymShape shape = gonio_sym_rank (4);
  GonioDim total = gonio_infer_dim (infer, 0, 1), window = gonio_infer_dim (infer, 2, 0);
  gboolean onesided = gonio_node_attr_int (infer->node, "onesided", 1) != 0;
  int64_t step = 0, length = -1;

  if (!gonio_infer_need_rank (infer, 0, 2, 3, error) ||
      !gonio_infer_need_rank (infer, 2, 1, 1, error))
    return FALSE;
  if (!gonio_infer_input (infer, 2) && !gonio_infer_input (infer, 3))
    return gonio_infer_fail (error, "neither window nor frame_length is given.");
  if (!gonio_infer_input (infer, 3))
    length = window.value;
  else if (!gonio_infer_scalar (infer, 3, &length))
    length = -1;
  else if (length < 1 || length > GONIO_MAX_DIM)
    return gonio_infer_fail (error, "frame_length is %" G_GINT64_FORMAT ".", length);
  shape.dims[0] = gonio_infer_dim (infer, 0, 0);
  shape.dims[3] = GONIO_DIM (2);
  if (length > 0)
    shape.dims[2] = GONIO_DIM (onesided ? length / 2 + 1 : length);
  if (gonio_infer_scalar (infer, 1, &step)) {
    if (step < 1)
      return gonio_infer_fail (error, "frame_step is %" G_GINT64_FORMAT ".", step);
    if (length > 0 && total.value >= 0) {
      if (total.value < length)
        return gonio_infer_fail (error, "the signal is shorter than a frame.");
      shape.dims[1] = GONIO_DIM ((total.value - length) / step + 1);
    }
  }
  return gonio_infer_set (infer, 0, gonio_infer_dtype (infer, 0), &shape, error);
}

static const GonioAttrSchema attrs_window[] = {
    {"output_datatype", GONIO_ATTR_INT, FALSE}, {"periodic", GONIO_ATTR_INT, FALSE}, {0}};
static const GonioAttrSchema attrs_dft[] = {
    {"inverse", GONIO_ATTR_INT, FALSE}, {"onesided", GONIO_ATTR_INT, FALSE}, {0}};
static const GonioAttrSchema attrs_mel[] = {{"output_datatype", GONIO_ATTR_INT, FALSE}, {0}};
static const GonioAttrSchema attrs_stft[] = {{"onesided", GONIO_ATTR_INT, FALSE}, {0}};

#define TRANS  GONIO_TOLERANCE_TRANSCENDENTAL
#define LAYOUT GONIO_OPF_LAYOUT_SENSITIVE

const GonioOpDef gonio_ops_signal[] = {
    {GONIO_OP_BLACKMAN_WINDOW, 1, 1, 1, 1, 0, 0, TRANS, attrs_window, infer_window},
    {GONIO_OP_DFT, 1, 3, 1, 1, LAYOUT, 0, TRANS, attrs_dft, infer_dft},
    {GONIO_OP_HAMMING_WINDOW, 1, 1, 1, 1, 0, 0, TRANS, attrs_window, infer_window},
    {GONIO_OP_HANN_WINDOW, 1, 1, 1, 1, 0, 0, TRANS, attrs_window, infer_window},
    {GONIO_OP_MEL_WEIGHT_MATRIX, 5, 5, 1, 1, 0, 0, TRANS, attrs_mel, infer_mel},
    {GONIO_OP_STFT, 2, 4, 1, 1, LAYOUT, 0, TRANS, attrs_stft, infer_stft},
    {.id = GONIO_OP_INVALID},
};
