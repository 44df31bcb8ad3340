/* What the files of this folder share: facts about a node, the region being compiled, the run.
 * Depends on core/session/backend.h, ops, graph, tensor, base and this folder.
 *
 * Every value has a logical shape (ONNX's) and lies in memory plainly or channels-last. Most
 * code here works on logical axes with the strides of gonio_cpu_strides(), and so needs no
 * special case for either layout.
 */
#pragma once

#include "backends/cpu/kernels/kernels.h"
#include "backends/cpu/pool.h"
#include "core/base/error.h"
#include "core/base/memory.h"
#include "core/graph/activation.h"
#include "core/ops/op.h"
#include "core/session/backend.h"

G_BEGIN_DECLS

struct _GonioBackend {
  guint threads;
  GonioCpuPool *pool; /* NULL with one thread */
  const GonioCpuKernels *kernels;
};

/* ---- facts about a node (claim.c); shapes are known for every node that reaches a family ---- */

typedef struct {
  const GonioGraph *graph;
  GonioNodeId id;
  const GonioNode *node;
} GonioCpuNode;

/* NULL when the input/output is omitted. */
const GonioValue *gonio_cpu_in (const GonioCpuNode *node, guint i);
const GonioValue *gonio_cpu_out (const GonioCpuNode *node, guint i);
/* The constant behind input i; NULL when it is omitted or computed. */
const GonioTensor *gonio_cpu_const (const GonioCpuNode *node, guint i);
/* Input i as integers: an int64 constant, or fully known by inference. FALSE when not known.
 * The array is (transfer full). */
gboolean gonio_cpu_const_ints (const GonioCpuNode *node, guint i, int64_t **out_ints,
                               guint *out_count);
/* Input i as one float: *out_value stays as it is when the input is omitted; FALSE when it is
 * computed or has not exactly one element. */
gboolean gonio_cpu_const_scalar (const GonioCpuNode *node, guint i, float *out_value);

GonioShape gonio_cpu_shape (const GonioValue *value); /* logical */
int64_t gonio_cpu_count (const GonioValue *value);
/* Strides in elements of each logical axis. */
void gonio_cpu_strides (const GonioValue *value, int64_t out_strides[GONIO_MAX_RANK]);
/* Place of a logical axis among the axes in memory order. */
int gonio_cpu_axis (const GonioValue *value, int logical);
/* Dimensions in memory order. */
GonioShape gonio_cpu_physical (const GonioValue *value);
static inline gboolean
gonio_cpu_is_float (const GonioValue *value)
{
  return value && value->dtype == GONIO_DTYPE_FLOAT;
}
/* Does value broadcast to the shape of out as it is? */
gboolean gonio_cpu_fits (const GonioValue *value, const GonioValue *out);
/* Counts a negative axis from the end; -1 when it is out of range. */
int gonio_cpu_normal_axis (int64_t axis, int rank);

/* ---- claims ---- */

/* NULL: can run it, and *out_claim is filled. Else the reason why not (static text). */
typedef const char *(*GonioCpuClaimFunc) (const GonioCpuNode *node, GonioClaim *out_claim);

/* Any layout: inputs of the output's rank move with it, constants and smaller ones are read as
 * they lie. Plain only when no value has three to five axes. */
void gonio_cpu_claim_any (const GonioCpuNode *node, GonioClaim *out_claim);
void gonio_cpu_claim_plain (GonioClaim *out_claim);
/* Channels-last only; nhwc_inputs: which inputs. */
void gonio_cpu_claim_nhwc (GonioClaim *out_claim, guint nhwc_inputs);

/* ---- lowering (compile.c) ---- */

typedef struct _GonioCpuLower GonioCpuLower;
typedef guint GonioCpuSlot; /* a piece of memory known to the compiled region */
#define GONIO_CPU_NO_SLOT G_MAXUINT

typedef gboolean (*GonioCpuLowerFunc) (GonioCpuLower *lower, GError **error);

struct _GonioCpuLower {
  const GonioBackend *backend;
  GonioCpuNode node;
  GonioCompiled *compiled;
};

typedef struct _GonioCpuRun GonioCpuRun;
/* Computes one step. data is what gonio_cpu_step() returned. */
typedef gboolean (*GonioCpuRunFunc) (gconstpointer data, const GonioCpuRun *run, GError **error);

/* Appends a step for the node. Slots are asked for after it; they count as used by it.
 * data_size bytes of zeroed memory are returned, freed with the region after clear (nullable)
 * has released what hangs on it. */
gpointer gonio_cpu_step (GonioCpuLower *lower, GonioCpuRunFunc run, size_t data_size,
                         void (*clear) (gpointer data));
/* Makes lines first..end-1 of the result's only image on the calling thread. in, add, out: where
 * line 0 lies, or would lie. */
typedef void (*GonioCpuLinesFunc) (gconstpointer data, const GonioCpuRun *run, const float *in,
                                   const float *add, float *out, int64_t first, int64_t end);
/* The convolution appended last can be made line by line, too. */
void gonio_cpu_step_lines (GonioCpuLower *lower, GonioCpuLinesFunc lines);
/* GONIO_CPU_NO_SLOT when omitted. */
GonioCpuSlot gonio_cpu_slot_in (GonioCpuLower *lower, guint i);
GonioCpuSlot gonio_cpu_slot_out (GonioCpuLower *lower, guint i);
/* Memory for the current step only. */
GonioCpuSlot gonio_cpu_slot_scratch (GonioCpuLower *lower, size_t bytes);
/* Memory that lives as long as the region; tensor is kept by reference. */
GonioCpuSlot gonio_cpu_slot_tensor (GonioCpuLower *lower, GonioTensor *tensor);
/* The same, but it lives until it is used for the last time. */
GonioCpuSlot gonio_cpu_slot_memory (GonioCpuLower *lower, size_t bytes);
/* A place for the sums over each of the lines of output 0, channel by channel, that live until
 * they are used for the last time; NO_SLOT when nobody wants them (line-sums.c). */
GonioCpuSlot gonio_cpu_line_sums_offer (GonioCpuLower *lower, size_t lines, size_t channels);
/* Those of input i, which count as used by the current step; NO_SLOT when they were not made. */
GonioCpuSlot gonio_cpu_line_sums_find (GonioCpuLower *lower, guint i);
/* Output `out` may be written over input `in`, element by element, if that dies here. */
void gonio_cpu_may_overwrite (GonioCpuLower *lower, guint out, guint in);

/* How a value can be read: element [i0, i1, ...] lies at offset + sum of i times strides. */
typedef struct {
  GonioCpuSlot slot;
  int64_t offset;                  /* in elements */
  int64_t strides[GONIO_MAX_RANK]; /* per logical axis, in elements; may be 0 or negative */
} GonioCpuView;

/* Input i as it can be read. A family is only shown a view that is not the value's own form when
 * its row has takes_view and that said yes; otherwise the view was copied into form before. */
GonioCpuView gonio_cpu_view_in (GonioCpuLower *lower, guint i);
/* The same view of the memory that its slot is a part of; element: bytes of one. */
void gonio_cpu_view_root (const GonioCpuLower *lower, GonioCpuView *view, size_t element);
/* Output `out` is a view of what is there already: no memory, no work. It is brought into form
 * when somebody needs it so. */
void gonio_cpu_view_out (GonioCpuLower *lower, guint out, const GonioCpuView *view);
/* Output 0 is input 0 as it can be read. */
void gonio_cpu_view_same (GonioCpuLower *lower);
/* Output 0 is input 0 in another shape; copies first when the axes to be joined lie apart. */
void gonio_cpu_view_reshaped (GonioCpuLower *lower);
/* Where output `out` is to be written: its own form, or a part of a larger value's memory when the
 * row's writes_view said yes to that. For the step appended last. */
GonioCpuView gonio_cpu_target (GonioCpuLower *lower, guint out);
/* Is a channels-last value seen pixel by pixel, channels side by side, all equally far apart? */
gboolean gonio_cpu_in_pixels (const GonioValue *value, const GonioCpuView *view);
/* Floats from pixel to pixel of such a view. */
int64_t gonio_cpu_pixel (const GonioValue *value, const GonioCpuView *view);
/* Appends the activation fused into the node, in place on output 0, unless kind is NONE. */
void gonio_cpu_step_activation (GonioCpuLower *lower, const GonioActivation *activation);

/* The kernel of an activation; FALSE for GONIO_ACT_NONE. */
gboolean gonio_cpu_activation_kernel (const GonioActivation *activation, GonioCpuUnary *out_kernel,
                                      float out_p[2]);

/* Strides of value on each axis of a broadcast shape of `rank` axes, 0 where it repeats. */
void gonio_cpu_broadcast_strides (const GonioValue *value, int rank, int64_t *out_strides);
/* Input i as operand of a broadcast to output 0, strides per axis of the output. Constants are
 * laid out anew where that makes them run along with a channels-last result. */
GonioCpuView gonio_cpu_operand (GonioCpuLower *lower, guint i);
/* takes_view of such operands: the innermost run of the result must step by 0 or 1. */
gboolean gonio_cpu_takes_running (const GonioCpuNode *node, guint i, const GonioCpuView *view);
/* Same type, shape and arrangement in memory. */
gboolean gonio_cpu_same_form (const GonioValue *a, const GonioValue *b);

gboolean gonio_cpu_fail (GError **error, const char *format, ...) G_GNUC_PRINTF (2, 3);
/* That many zeroed floats, aligned and with a readable tail, as a 1-D tensor. */
GonioTensor *gonio_cpu_floats (size_t count, GError **error);
/* The same, not zeroed: for who writes all that is read. */
GonioTensor *gonio_cpu_floats_unset (const GonioBackend *backend, size_t count, GError **error);

/* ---- running (run.c) ---- */

struct _GonioCpuRun {
  GCancellable *cancellable; /* nullable; polled between steps and between the pieces of one */
  void *const *slots;
  GonioCpuPool *pool;
  guint threads;
  const GonioCpuKernels *kernels;
};

static inline gpointer
gonio_cpu_ptr (const GonioCpuRun *run, GonioCpuSlot slot)
{
  return slot == GONIO_CPU_NO_SLOT ? NULL : run->slots[slot];
}

typedef void (*GonioCpuTask) (void *context, size_t start, size_t count);
/* task (context, start, count) over 0..n-1 on all threads, in pieces of some grain or more. */
void gonio_cpu_parallel (const GonioCpuRun *run, GonioCpuTask task, void *context, size_t n,
                         size_t grain);
/* Items handed out one by one. A worker begins with its own part of them, of each step the same
 * part, and then helps the others: what step after step finds the same lines of an image in the
 * cache of the same processor. */
typedef struct _GonioCpuItems GonioCpuItems;

/* The next item for a worker; FALSE when there is none or the run was cancelled. */
gboolean gonio_cpu_next (GonioCpuItems *items, guint worker, size_t *out_item);
/* work (context, worker, items) once for each thread, worker counting from 0; it takes items as
 * long as there are some. */
void gonio_cpu_workers (const GonioCpuRun *run, size_t items,
                        void (*work) (void *context, guint worker, GonioCpuItems *items),
                        void *context);
/* A grain that makes a piece worth its dispatch, for items of that many simple operations. */
size_t gonio_cpu_grain (size_t operations_per_item);

/* out[j] = fold over i of in[i * stride + j], or the sum of (in[..] - centre[j])^2 when centre is
 * given; sums in two levels so that long columns lose nothing. cols: at most
 * GONIO_CPU_FOLD_COLUMNS. */
#define GONIO_CPU_FOLD_COLUMNS 128
void gonio_cpu_fold_rows (const GonioCpuKernels *kernels, GonioCpuFold fold, const float *in,
                          size_t rows, size_t stride, size_t cols, const float *centre, float *out);

/* ---- families: rows ended by GONIO_OP_INVALID ---- */

typedef struct {
  GonioOpId op;
  GonioCpuClaimFunc claim;
  GonioCpuLowerFunc lower;
  /* Can the node read input i through these strides? NULL: never. */
  gboolean (*takes_view) (const GonioCpuNode *node, guint i, const GonioCpuView *view);
  /* Can it write output i through these strides, asking gonio_cpu_target() where? NULL: never. */
  gboolean (*writes_view) (const GonioCpuLower *lower, guint out, const GonioCpuView *view);
} GonioCpuOp;

/* takes_view of families that read any strides. */
gboolean gonio_cpu_takes_any (const GonioCpuNode *node, guint i, const GonioCpuView *view);

/* writes_view of families that write any strides, and of those that leave floats between the
 * pixels of a channels-last value. */
gboolean gonio_cpu_writes_any (const GonioCpuLower *lower, guint out, const GonioCpuView *view);
gboolean gonio_cpu_writes_pixels (const GonioCpuLower *lower, guint out, const GonioCpuView *view);

extern const GonioCpuOp gonio_cpu_ops_conv[];
extern const GonioCpuOp gonio_cpu_ops_deconv[];
extern const GonioCpuOp gonio_cpu_ops_pool[];
extern const GonioCpuOp gonio_cpu_ops_matmul[];
extern const GonioCpuOp gonio_cpu_ops_elementwise[];
extern const GonioCpuOp gonio_cpu_ops_logic[];
extern const GonioCpuOp gonio_cpu_ops_norm[];
extern const GonioCpuOp gonio_cpu_ops_reduce[];
extern const GonioCpuOp gonio_cpu_ops_shape[];
extern const GonioCpuOp gonio_cpu_ops_index[];
extern const GonioCpuOp gonio_cpu_ops_image[];
extern const GonioCpuOp gonio_cpu_ops_layout[];

/* NULL when there is none. */
const GonioCpuOp *gonio_cpu_op (guint op);

gboolean gonio_cpu_claim (GonioBackend *backend, const GonioGraph *graph, GonioNodeId node,
                          GonioClaim *out_claim);
GonioCompiled *gonio_cpu_compile (GonioBackend *backend, const GonioRegion *region, GError **error);
void gonio_cpu_compiled_free (GonioCompiled *compiled);
size_t gonio_cpu_workspace_size (const GonioCompiled *compiled);
gboolean gonio_cpu_run (GonioCompiled *compiled, const GonioRunArgs *args,
                        GonioTensor *const *inputs, GonioTensor **outputs, GError **error);

G_END_DECLS
