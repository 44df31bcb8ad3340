/* Random valid graphs out of bytes, for comparing backends. Depends on core/ops.
 *
 * The same bytes make the same graph. Each row of a menu adds one operator or a well-known group
 * of them to what is there; when the bytes end, so does the graph. Values that rounding may touch
 * never go into operators that jump (comparisons, Round, ArgMax), so two right implementations
 * agree closely. Where a chain amplifies rounding, the noisy twin of the graph shows how much. */
#pragma once

#include "core/graph/edit.h"
#include "core/ops/op.h"

G_BEGIN_DECLS

#define RANDOM_MAX_INPUTS 24
#define RANDOM_MAX_NODES  12
#define RANDOM_MAX_COUNT  6000 /* elements of one value */

typedef GonioValueId V;

typedef struct {
  const uint8_t *data; /* decisions, one byte each */
  size_t size, at;
  guint32 random; /* what tensors hold */
  guint32 noise;  /* what noise there is */
  gboolean noisy; /* each rounded value is multiplied by 1 +- 2e-6 */
  GonioGraph *graph;
  GArray *pool;  /* V: values to build on */
  GArray *exact; /* gboolean per value id: the same bits from every right implementation */
  guint n_inputs;
  char names[RANDOM_MAX_INPUTS][8];
  GonioTensor *tensors[RANDOM_MAX_INPUTS]; /* what goes into the inputs */
  gboolean rounds; /* the next rg_finish: rounded although its inputs are not (captures) */
  guint refused;   /* operators that inference did not accept */
} RandomGraph;

/* Needs at least 4 bytes. */
void random_graph_build (RandomGraph *g, const uint8_t *data, size_t size, gboolean noisy);
void random_graph_clear (RandomGraph *g);

/* ---- for the menus ---- */

typedef struct {
  guint weight;
  void (*add) (RandomGraph *g);
} RandomRow;

extern const RandomRow random_menu_data[]; /* each ends with a zero row */
extern const RandomRow random_menu_layers[];
extern const RandomRow random_menu_types[];
extern const RandomRow random_menu_rest[];

/* The next decision: 0..n-1, 0 when there are no more bytes. */
guint rg_take (RandomGraph *g, guint n);
int64_t rg_between (RandomGraph *g, int64_t low, int64_t high);

typedef enum {
  RG_UNIFORM,  /* -2..2; integers -3..3 */
  RG_POSITIVE, /* 0.25..2; integers 1..3 */
  RG_SMALL,    /* -0.4..0.4; integers as uniform */
  RG_GRID,     /* multiples of 1/4 */
  RG_BYTES,    /* integers: the whole range of 8 bits */
} RandomFill;

/* New tensors and values; where says whether a new value is a graph input (if there is room) or
 * a constant. */
GonioTensor *rg_tensor (RandomGraph *g, GonioDType dtype, const GonioShape *shape, RandomFill fill);
V rg_constant (RandomGraph *g, GonioDType dtype, const GonioShape *shape, RandomFill fill);
V rg_new (RandomGraph *g, GonioDType dtype, const GonioShape *shape, RandomFill fill);
V rg_constant_of (RandomGraph *g, GonioTensor *tensor);     /* consumes it */
V rg_ints (RandomGraph *g, guint n, const int64_t *values); /* constant, rank 1 */
V rg_scalar (RandomGraph *g, GonioDType dtype, double value);

/* The address of a shape on the fly. */
#define RG_SHAPE(...) ((const GonioShape[1]){GONIO_SHAPE (__VA_ARGS__)})

/* A value of the type and rank, of the pool or new; exact: one that rounding does not touch. */
V rg_pick (RandomGraph *g, GonioDType dtype, int min_rank, int max_rank, gboolean exact);
GonioShape rg_random_shape (RandomGraph *g, int rank);
const GonioShape *rg_shape (RandomGraph *g, V value); /* valid until the next call */
GonioDType rg_dtype (RandomGraph *g, V value);
gboolean rg_is_exact (RandomGraph *g, V value);

/* A node of n inputs with its outputs; attributes may follow, then rg_finish(), which infers and
 * puts the outputs into the pool (FALSE: it was refused and is gone). */
GonioNodeId rg_node (RandomGraph *g, GonioOpId op, const V *inputs, guint n, guint n_outputs);
gboolean rg_finish (RandomGraph *g, GonioNodeId node);
/* The same where the data decide the shapes: outputs of the graph, nothing to build on. */
void rg_finish_dynamic (RandomGraph *g, GonioNodeId node);
/* Both in one for plain operators of one output; GONIO_VALUE_NONE when refused. */
V rg_apply (RandomGraph *g, GonioOpId op, const V *inputs, guint n);
V rg_unary (RandomGraph *g, GonioOpId op, V x);
V rg_binary (RandomGraph *g, GonioOpId op, V a, V b);
V rg_result (RandomGraph *g, GonioNodeId node); /* rg_finish, then output 0 */

#define RG_INT(g, node, name, v)     gonio_graph_set_attr_int ((g)->graph, node, name, v)
#define RG_FLOAT(g, node, name, v)   gonio_graph_set_attr_float ((g)->graph, node, name, (float)(v))
#define RG_STRING(g, node, name, v)  gonio_graph_set_attr_string ((g)->graph, node, name, v)
#define RG_INTS(g, node, name, v, n) gonio_graph_set_attr_ints ((g)->graph, node, name, v, n)

G_END_DECLS
