/* What a kernel of the reference backend sees, and the helpers kernels share.
 * Depends on core/ops, graph, tensor, base.
 *
 * A kernel is a plain function of one node: it reads the input tensors, asks for its outputs
 * with ref_output() once their shapes are known, and fills them. It trusts nothing: shapes
 * and values that inference could not know are checked here, with a GError that names them.
 * The caller has made sure that required inputs are there, that their types are in the row's
 * sets, and prefixes errors with node and operator.
 */
#pragma once

#include "backends/reference/number.h"
#include "core/base/checked.h"
#include "core/base/error.h"
#include "core/base/memory.h"
#include "core/graph/activation.h"
#include "core/ops/op.h"
#include "core/tensor/list.h"

#include <gio/gio.h>

G_BEGIN_DECLS

typedef struct _GonioKernel GonioKernel;
typedef struct _RefProgram RefProgram;
typedef struct _RefRow RefRow;

/* ---- sets of element types ---- */

typedef guint32 RefTypes; /* bit n: GonioDType n */

/* Added to the set of an input: it may also be a sequence or optional value of these types; the
 * kernel looks which. */
#define REF_LIST ((RefTypes)1 << 31)

#define REF_T(NAME)  ((RefTypes)1 << GONIO_DTYPE_##NAME)
#define REF_FLOATS   (REF_T (FLOAT) | REF_T (DOUBLE) | REF_T (FLOAT16) | REF_T (BFLOAT16))
#define REF_SIGNED   (REF_T (INT8) | REF_T (INT16) | REF_T (INT32) | REF_T (INT64))
#define REF_UNSIGNED (REF_T (UINT8) | REF_T (UINT16) | REF_T (UINT32) | REF_T (UINT64))
#define REF_INTEGERS (REF_SIGNED | REF_UNSIGNED)
#define REF_NUMBERS  (REF_FLOATS | REF_INTEGERS)
#define REF_BOOL     (REF_T (BOOL))
#define REF_INDEX    (REF_T (INT32) | REF_T (INT64))
#define REF_FLOAT8                                                                                 \
  (REF_T (FLOAT8E4M3FN) | REF_T (FLOAT8E4M3FNUZ) | REF_T (FLOAT8E5M2) | REF_T (FLOAT8E5M2FNUZ))
#define REF_PACKED_INTS (REF_T (INT4) | REF_T (UINT4) | REF_T (INT2) | REF_T (UINT2))
#define REF_NARROW      (REF_FLOAT8 | REF_PACKED_INTS | REF_T (FLOAT4E2M1) | REF_T (FLOAT8E8M0))
/* Whatever has a value that can be moved: everything but NONE. */
#define REF_ANY                                                                                    \
  (REF_NUMBERS | REF_BOOL | REF_NARROW | REF_T (STRING) | REF_T (COMPLEX64) | REF_T (COMPLEX128))

/* ---- rows ---- */

typedef gboolean (*RefRun) (GonioKernel *k, GError **error);

/* One operator. Tables end with op GONIO_OP_INVALID. */
struct _RefRow {
  guint op;
  RefRun run;
  const void *data; /* the kernel's own constant data: what sets sibling operators apart */
  RefTypes in[9];   /* types accepted per input; the last non-zero set holds for the rest */
  guint same;       /* bit i: all inputs so marked have one type; bit 31: and all further ones */
  RefTypes out;     /* types accepted for output 0 where they do not follow; 0: any */
};

#define REF_SAME_ALL G_MAXUINT

/* One table per file of kernels, ref_rows_<file>. */
/* clang-format off */
#define REF_FILES(X) \
  X (attention) X (cast) X (control) X (conv) X (einsum) X (elementwise) \
  X (grid) X (image) X (index) X (layout) X (linear_attention) X (loop) \
  X (loss) X (matmul) X (ml) X (move) X (norm) X (pad) \
  X (patch) X (pool) X (quant) X (random) X (recurrent) X (reduce) \
  X (resize) X (search) X (select) X (sequence) X (shape) X (signal) \
  X (text) X (tree) X (unary)
/* clang-format on */
#define REF_FILE(NAME) extern const RefRow ref_rows_##NAME[];
REF_FILES (REF_FILE)

const RefRow *ref_row (guint op); /* NULL: no kernel */

/* ---- the context ---- */

struct _GonioKernel {
  const GonioGraph *graph;
  const GonioNode *node;
  const RefRow *row;
  GonioTensor *const *inputs;  /* node->n_inputs, NULL when omitted; borrowed */
  GonioTensor *const *planned; /* node->n_outputs, tensors to write to or NULL; borrowed */
  GonioTensor **outputs;       /* node->n_outputs, filled by ref_output(); owned by the caller */
  GCancellable *cancellable;   /* nullable; long kernels may poll it */

  /* Control flow: the compiled subgraphs (in the order of the node's graph attributes) and a
   * way to read a value of this graph. */
  RefProgram *const *branches;
  GonioTensor *(*lookup) (gpointer data, GonioValueId id); /* borrowed, NULL when not there */
  gpointer lookup_data;
  /* Who is told of the nodes in them, nullable; the region's node that has them. */
  const struct _GonioBodyWatch *watch;
  GonioNodeId holder;
};

/* Input i, NULL when omitted or beyond the node's inputs. */
GonioTensor *ref_in (const GonioKernel *k, guint i);
/* Is output i wanted by anyone? */
gboolean ref_wants (const GonioKernel *k, guint i);

/* Output i to write to: the planned tensor when type and shape are as planned, else a new one.
 * Contents unspecified. NULL on error. Borrowed from the context. */
GonioTensor *ref_output (GonioKernel *k, guint i, GonioDType dtype, const GonioShape *shape,
                         GError **error);

/* Output i is a value that is there already. A tensor is copied, unless it is said to have
 * memory of its own (own) and nothing is planned; a list is shared. */
gboolean ref_output_value (GonioKernel *k, guint i, GonioTensor *value, gboolean own,
                           GError **error);
/* Input i, which must be of that kind; NULL with an error that says what it is. Borrowed. */
GonioTensor *ref_in_kind (const GonioKernel *k, guint i, GonioKind kind, GError **error);
/* A copy in memory of its own, fit to be part of a list. (transfer full) */
GonioTensor *ref_own (const GonioTensor *tensor, GError **error);

/* g_set_error() in GONIO_RUN_ERROR, as an expression that is FALSE. */
void ref_raise (GError **error, GonioRunError code, const char *format, ...) G_GNUC_PRINTF (3, 4);
#define ref_bad_shape(error, ...) (ref_raise (error, GONIO_RUN_ERROR_SHAPE, __VA_ARGS__), FALSE)
#define ref_bad_value(error, ...) (ref_raise (error, GONIO_RUN_ERROR_VALUE, __VA_ARGS__), FALSE)

/* ---- attributes and integer inputs ---- */

#define ref_attr_int(k, name, fallback)    gonio_node_attr_int ((k)->node, name, fallback)
#define ref_attr_float(k, name, fallback)  gonio_node_attr_float ((k)->node, name, fallback)
#define ref_attr_string(k, name, fallback) gonio_node_attr_string ((k)->node, name, fallback)

/* axis in [-rank, rank-1] to [0, rank-1]. */
gboolean ref_axis (int64_t axis, int rank, int *out_axis, GError **error);
/* Axes of a tensor input (or all axes when tensor is NULL or empty), no duplicates: sets
 * out_set[axis] for each. */
gboolean ref_axis_set (const GonioTensor *tensor, int rank, gboolean out_set[GONIO_MAX_RANK],
                       GError **error);
/* Up to max integers of a small 0-D or 1-D tensor; FALSE when there are more. what: for the
 * message. */
gboolean ref_ints (const GonioTensor *tensor, int max, int64_t *out, int *out_count,
                   const char *what, GError **error);
/* The single element of a tensor that must have exactly one. */
gboolean ref_scalar_int (const GonioTensor *tensor, int64_t *out, const char *what, GError **error);
gboolean ref_scalar_f64 (const GonioTensor *tensor, double *out, const char *what, GError **error);
/* attribute ints: n expected, or absent (then filled with fallback). */
gboolean ref_attr_ints (const GonioKernel *k, const char *name, int n, int64_t fallback,
                        int64_t *out, GError **error);

/* ---- memory ---- */

/* Scratch a kernel may ask for at once: shapes in a model are not to be trusted. */
#define REF_SCRATCH_MAX ((size_t)4 << 30)
/* count * size bytes, zeroed or not; NULL with GONIO_RUN_ERROR_MEMORY. g_free() it. */
gpointer ref_alloc (int64_t count, size_t size, GError **error);
gpointer ref_alloc0 (int64_t count, size_t size, GError **error);

/* A list of tensors that grows; holds references. Zero-initialise. */
typedef struct {
  GonioTensor **items;
  size_t n, capacity;
} RefItems;
/* Takes the tensor, also when it fails; a NULL tensor fails with the error that is set already. */
gboolean ref_items_take (RefItems *items, GonioTensor *tensor, GError **error);
void ref_items_clear (RefItems *items);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (RefItems, ref_items_clear)

/* ---- shapes ---- */

/* A pointer to a shape of the given dimensions, for the length of the call. */
#define REF_SHAPE(...) ((const GonioShape[]){GONIO_SHAPE (__VA_ARGS__)})

/* Product of dims[from..to-1]; these are dims of a live tensor, so it cannot overflow unless
 * another dim is 0: saturates then. */
int64_t ref_dims_product (const GonioShape *shape, int from, int to);
/* A shape made of parts that come from data: negative or overflowing is an error. */
gboolean ref_check_shape (const GonioShape *shape, GError **error);

/* numpy broadcasting of any number of operands, as nested rows: an odometer over the merged
 * outer dimensions, and an innermost row in which each operand steps by 0 or 1 element. */
typedef struct {
  GonioShape shape; /* of the result */
  guint n;          /* operands */
  int rank;         /* merged outer dimensions */
  int64_t dims[GONIO_MAX_RANK];
  int64_t index[GONIO_MAX_RANK];
  int64_t rows;     /* product of dims */
  int64_t row;      /* elements of the innermost row, 0 when the result is empty */
  int64_t *offset;  /* n: where the current row starts, in elements */
  int *step;        /* n: 0 or 1 */
  int64_t *strides; /* n x GONIO_MAX_RANK */
} RefBroadcast;

gboolean ref_broadcast_init (RefBroadcast *b, GonioTensor *const *operands, guint n,
                             GError **error);
/* Broadcasts to a given shape that must absorb every operand. */
gboolean ref_broadcast_init_to (RefBroadcast *b, const GonioShape *shape,
                                GonioTensor *const *operands, guint n, GError **error);
void ref_broadcast_next (RefBroadcast *b);
void ref_broadcast_clear (RefBroadcast *b);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (RefBroadcast, ref_broadcast_clear)

/* ---- moving elements of any type ---- */

/* n elements from src[from..] to dst[at..]; equal types; the ranges are inside the tensors. */
void ref_copy (GonioTensor *dst, int64_t at, const GonioTensor *src, int64_t from, int64_t n);
/* Element src[from] n times. */
void ref_fill (GonioTensor *dst, int64_t at, const GonioTensor *src, int64_t from, int64_t n);
/* All bits zero ("" for strings). */
void ref_clear (GonioTensor *dst, int64_t at, int64_t n);

/* Output i: tensors of one type (n > 0) joined along an axis (Concat), or laid side by side along
 * a new one. The axis may count from the end. */
gboolean ref_join (GonioKernel *k, guint output, GonioTensor *const *parts, guint n, int64_t axis,
                   GError **error);
gboolean ref_stack (GonioKernel *k, guint output, GonioTensor *const *parts, guint n, int64_t axis,
                    GError **error);
/* Elements from..from+size-1 along an axis, which are there. keep_axis FALSE (size 1): without
 * that axis. (transfer full) */
GonioTensor *ref_part (const GonioTensor *x, int axis, int64_t from, int64_t size,
                       gboolean keep_axis, GError **error);

#define REF_COPY_RANK (2 * GONIO_MAX_RANK)
/* A box of any rank between two strided views: element (i0, i1, ...) of the box goes from
 * src[from + sum i*src_stride] to dst[at + sum i*dst_stride]. Strides in elements, any sign. */
typedef struct {
  int rank;
  int64_t dims[REF_COPY_RANK];
  int64_t src_stride[REF_COPY_RANK];
  int64_t dst_stride[REF_COPY_RANK];
} RefBox;
void ref_copy_box (GonioTensor *dst, int64_t at, const GonioTensor *src, int64_t from,
                   const RefBox *box);

/* ---- activations ---- */

/* One of the fused activations on n doubles, in place. */
void ref_activate (const GonioActivation *activation, double *values, int64_t n);
/* On a whole floating tensor; other types are left alone. */
void ref_activate_tensor (const GonioActivation *activation, GonioTensor *tensor);

G_END_DECLS
