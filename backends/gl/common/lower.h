/* Turning a region into steps: what the families of operators share. Depends on device, graph, ops,
 * plan, tensor, base.
 *
 * A value lies on the device in one or both of two forms:
 *   plain: its elements in order, four to a texel;
 *   image: N x ceil(C/4) x rest texels, for values of rank 3 and more, a texel holding four
 *          channels. Lanes beyond the last channel are finite.
 * A family asks for the form that it reads; what is missing is converted once.
 */
#pragma once

#include "backends/gl/common/buffers.h"
#include "core/graph/activation.h"
#include "core/ops/op.h"
#include "core/session/backend.h"

G_BEGIN_DECLS

/* One for all sessions of a context. */
struct _GonioBackend {
  guint refs; /* guarded by the list of backends */
  const GonioGlDevice *device;
  GonioGlContext *context;
  gboolean half, full;       /* values are stored in 16 bits; 32 are there where they are needed */
  GonioGlPrograms *programs; /* used on the context's thread only */
  GonioGlBuffers *buffers;   /* too */
};

typedef enum {
  GONIO_GL_PLAIN,
  GONIO_GL_IMAGE,
} GonioGlForm;

typedef struct {
  GonioBackend *backend;
  GonioCompiled *compiled;
  const GonioGraph *graph;
  const GonioRegion *region;
  GonioNodeId id;
  const GonioNode *node;
  const GonioNodeId *chain; /* elementwise nodes that are lowered together, the node last */
  guint n_chain;
} GonioGlLower;

#define GONIO_GL_MOST_INDEX (1 << 24) /* whole numbers in single precision */

typedef guint GonioGlSlot; /* a value in a form, or numbers of the region's own */

/* A program and what it is told. */
typedef struct {
  const char *kernel; /* file */
  char *defines;      /* see gonio_gl_programs_get(); owned; nullable */
  GonioGlSlot inputs[GONIO_GL_MAX_INPUTS];
  guint n_inputs;
  GonioGlSlot output;
  GonioGlSlot more[GONIO_GL_MAX_MORE]; /* scratches, of kernels with TARGETS, see fragment.glsl */
  guint n_more;
  gint64 reads;         /* texels read for one of the result or by one group, roughly; 0: few */
  gint64 first, texels; /* which of the output's are written; 0, 0: all */
  gint64 groups;        /* of a kernel that defines group(), see compute.glsl; 0: texel() */
  int params[GONIO_GL_PARAMS];
  float floats[GONIO_GL_FLOATS];
} GonioGlStep;

/* ---- facts about a node, for claims and lowering ---- */

const GonioValue *gonio_gl_in (const GonioGraph *graph, const GonioNode *node, guint i);
const GonioValue *gonio_gl_out (const GonioGraph *graph, const GonioNode *node, guint i);
/* Known by now. */
GonioShape gonio_gl_shape (const GonioValue *value);
gint64 gonio_gl_count (const GonioShape *shape);
/* Texels of a shape in a form. */
gint64 gonio_gl_texels (const GonioShape *shape, GonioGlForm form);
/* Batch, channels, and what lies behind them. */
void gonio_gl_image_sizes (const GonioShape *shape, int *out_batch, int *out_channels,
                           int *out_rest);

/* ---- lowering ---- */

/* Input i in a form; (a constant is uploaded once). */
gboolean gonio_gl_read (GonioGlLower *lower, guint i, GonioGlForm form, GonioGlSlot *out_slot,
                        GError **error);
/* Is the value there in that form without converting? */
gboolean gonio_gl_has (const GonioGlLower *lower, guint i, GonioGlForm form);
/* Input i in a form that is there: plain (channels and rest are 0), or an image of so many channels
 * with so many texels behind each, which need not be those of the input's shape. */
gboolean gonio_gl_read_any (GonioGlLower *lower, guint i, GonioGlSlot *out_slot, int *out_channels,
                            int *out_rest, GError **error);
/* Where output o goes. */
GonioGlSlot gonio_gl_write (GonioGlLower *lower, guint o, GonioGlForm form);
/* The same as the image of another shape with the same elements in the same order. */
GonioGlSlot gonio_gl_write_image (GonioGlLower *lower, guint o, int channels, int rest);
/* Output o has the elements of input i, in their order: no step. */
gboolean gonio_gl_alias (GonioGlLower *lower, guint o, guint i, GError **error);
/* Texels that only this node's steps use, in 32 bits. */
GonioGlSlot gonio_gl_scratch (GonioGlLower *lower, gint64 texels);
/* The same in the bits of a slot that they only move to. */
GonioGlSlot gonio_gl_scratch_like (GonioGlLower *lower, GonioGlSlot slot, gint64 texels);
/* Whole numbers that stay with the region, one to a float, exactly: below GONIO_GL_MOST_INDEX. */
gboolean gonio_gl_table (GonioGlLower *lower, const gint32 *numbers, gsize n, GonioGlSlot *out_slot,
                         GError **error);
/* Floats that stay with the region; kept by reference until they have been uploaded. */
GonioGlSlot gonio_gl_numbers (GonioGlLower *lower, const GonioTensor *numbers);
/* The same in 32 bits: places and sizes. */
GonioGlSlot gonio_gl_exact_numbers (GonioGlLower *lower, const GonioTensor *numbers);
/* Takes the step's definitions. */
gboolean gonio_gl_add (GonioGlLower *lower, GonioGlStep *step, GError **error);
/* The step, its output excepted, that turns one image of count elements into another; channels and
 * texels behind each. */
void gonio_gl_move_as_image (GonioGlStep *step, gint64 count, const int from[2], const int to[2]);
/* For kernels that include plain.glsl: how many elements the result has. */
static inline void
gonio_gl_tell_count (GonioGlStep *step, gint64 count)
{
  step->params[GONIO_GL_PARAMS - 1] = (int)count;
}
/* Definitions for kernels that include activation.glsl ("ACT 2", to be freed), and its numbers into
 * floats[0..1]. */
char *gonio_gl_activation (const GonioNode *node, GonioGlStep *step);

/* Do all lie in the range of 16 bits, 65,504 either way? */
gboolean gonio_gl_fits_half (const GonioTensor *numbers);

/* For each node of a region the nodes that are lowered with it (GArray of GonioNodeId, it being the
 * last); none where it is lowered with a later one. */
GPtrArray *gonio_gl_chains (const GonioRegion *region);

/* ---- families: rows ended by GONIO_OP_INVALID ---- */

typedef struct {
  GonioOpId op;
  /* NULL, or why not. Types, known shapes and sizes have been looked at. */
  const char *(*claim) (const GonioGraph *graph, const GonioNode *node);
  gboolean (*lower) (GonioGlLower *lower, GError **error);
  guint settings; /* bit i: input i is no data; it must be constant, of whatever type */
} GonioGlOp;

/* NULL when there is none. */
const GonioGlOp *gonio_gl_op (guint op);

extern const GonioGlOp gonio_gl_ops_attention[];
extern const GonioGlOp gonio_gl_ops_concat[];
extern const GonioGlOp gonio_gl_ops_conv[];
extern const GonioGlOp gonio_gl_ops_conv_transpose[];
extern const GonioGlOp gonio_gl_ops_einsum[];
extern const GonioGlOp gonio_gl_ops_elementwise[];
extern const GonioGlOp gonio_gl_ops_gather[];
extern const GonioGlOp gonio_gl_ops_layout[];
extern const GonioGlOp gonio_gl_ops_matmul[];
extern const GonioGlOp gonio_gl_ops_norm[];
extern const GonioGlOp gonio_gl_ops_pool[];
extern const GonioGlOp gonio_gl_ops_reduce[];
extern const GonioGlOp gonio_gl_ops_resize[];
extern const GonioGlOp gonio_gl_ops_rows[];
extern const GonioGlOp gonio_gl_ops_sample[];
extern const GonioGlOp gonio_gl_ops_scatter[];

G_END_DECLS
