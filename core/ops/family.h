/* Private to core/ops: the operator tables and what inference functions share. */
#pragma once

#include "core/base/checked.h"
#include "core/ops/op.h"

G_BEGIN_DECLS

/* One table per family, gonio_ops_<family>, ended by GONIO_OP_INVALID. */
/* clang-format off */
#define GONIO_OP_FAMILIES(X) \
  X (attention) X (control) X (conv) X (elementwise) X (image) X (index) \
  X (layout) X (loss) X (matmul) X (ml) X (norm) X (pool) \
  X (quant) X (random) X (recurrent) X (reduce) X (sequence) X (shape) \
  X (signal) X (text)
/* clang-format on */
#define GONIO_OP_FAMILY(NAME) extern const GonioOpDef gonio_ops_##NAME[];
GONIO_OP_FAMILIES (GONIO_OP_FAMILY)

/* Larger dimensions are refused: sums and products of a few of them must not overflow. */
#define GONIO_MAX_DIM ((int64_t)1 << 40)

/* ---- facts of inputs ---- */

/* All accept omitted inputs. */
GonioDType gonio_infer_dtype (const GonioInfer *infer, guint i);
const GonioSymShape *gonio_infer_shape (const GonioInfer *infer, guint i); /* never NULL */
int gonio_infer_rank (const GonioInfer *infer, guint i);                   /* -1: unknown */
/* Dimension d of input i; unknown when it has no rank or too few. */
GonioDim gonio_infer_dim (const GonioInfer *infer, guint i, int d);
/* Input i's elements as far as they are known. (transfer full) */
gboolean gonio_infer_elements (const GonioInfer *infer, guint i, GonioDim **out_dims,
                               guint *out_count);
/* The one element of input i; FALSE when unknown. */
gboolean gonio_infer_scalar (const GonioInfer *infer, guint i, int64_t *out_value);

/* ---- results ---- */

gboolean gonio_infer_fail (GError **error, const char *format, ...) G_GNUC_PRINTF (2, 3);
/* Output 0 is like input 0. */
gboolean gonio_infer_same (GonioInfer *infer, GError **error);
/* Output i has this type and nothing more is known. */
gboolean gonio_infer_dtype_only (GonioInfer *infer, guint i, GonioDType dtype, GError **error);
void gonio_infer_set_elements (GonioInfer *infer, guint i, const GonioDim *dims, guint n);
/* Both inputs have one element type. */
gboolean gonio_infer_same_dtype (const GonioInfer *infer, guint a, guint b, GError **error);
gboolean gonio_infer_axis (int64_t axis, int rank, int *out_axis, GError **error);
gboolean gonio_infer_need_rank (const GonioInfer *infer, guint i, int min, int max, GError **error);

/* ---- kinds: sequences and optional values (sequence.c) ---- */

/* FALSE when input i is known to be of another kind. Omitted inputs pass. */
gboolean gonio_infer_need_kind (const GonioInfer *infer, guint i, GonioKind kind, GError **error);
/* Output i is of that kind; dtype: of the tensors inside. */
gboolean gonio_infer_set_list (GonioInfer *infer, guint i, GonioKind kind, GonioDType dtype,
                               GError **error);

/* ---- dimensions ---- */

/* Elements of small integer tensors may be negative; a known one carries this symbol. */
const char *gonio_dim_negative_mark (void);
GonioDim gonio_dim_from_int (int64_t value);
/* The better known of two that must agree. */
gboolean gonio_dim_merge (GonioDim a, GonioDim b, GonioDim *out);
GonioDim gonio_dim_mul (GonioDim a, GonioDim b); /* unknown on overflow */
GonioDim gonio_dim_add (GonioDim a, GonioDim b);
gboolean gonio_sym_broadcast (const GonioSymShape *a, const GonioSymShape *b, GonioSymShape *out,
                              GError **error);
GonioSymShape gonio_sym_rank (int rank); /* of unknown dimensions */

/* ---- reshape.c, for the rows in shape.c ---- */

gboolean gonio_infer_flatten (GonioInfer *infer, GError **error);
gboolean gonio_infer_reshape (GonioInfer *infer, GError **error);
gboolean gonio_infer_shape_of (GonioInfer *infer, GError **error);
gboolean gonio_infer_size (GonioInfer *infer, GError **error);
gboolean gonio_infer_squeeze (GonioInfer *infer, GError **error);
gboolean gonio_infer_unsqueeze (GonioInfer *infer, GError **error);

G_END_DECLS
