/* The compiled region, shared by compile.c (which builds it) and run.c (which runs it). */
#pragma once

#include "backends/cpu/lower.h"

G_BEGIN_DECLS

typedef enum {
  GONIO_PLACE_ARENA,  /* in the run's workspace */
  GONIO_PLACE_CONST,  /* fixed memory */
  GONIO_PLACE_INPUT,  /* the run's inputs[index] */
  GONIO_PLACE_OUTPUT, /* the run's outputs[index] */
} GonioPlace;

typedef struct {
  GonioPlace kind;
  guint index;
  GonioTensor *tensor; /* CONST: keeps the memory */
  size_t bytes;
  size_t offset;     /* ARENA: in the workspace, after the table of addresses */
  guint first, last; /* steps between which the memory is in use */
  int root;          /* slot whose memory this one is, or -1 */
  size_t shift;      /* bytes from the root's start to this one's */
  int takes[2];      /* slots whose memory this one may take over, or -1 */
} GonioCpuSlotInfo;

typedef struct {
  GonioNodeId node;
  GonioCpuRunFunc run; /* NULL: nothing to do, the node is a view */
  gpointer data;
  void (*clear) (gpointer data);
  GonioCpuLinesFunc lines; /* NULL: only as a whole; else data begins with a GonioCpuConv */
} GonioCpuStep;

struct _GonioCompiled {
  const GonioBackend *backend;
  const GonioGraph *graph;
  GArray *slots; /* GonioCpuSlotInfo */
  GArray *steps; /* GonioCpuStep */
  guint n_inputs, n_outputs;
  GonioShape *output_shapes;
  GonioDType *output_dtypes;
  size_t *input_bytes;
  size_t workspace_size;
  GHashTable *by_value;  /* during compilation: value id -> slot + 1 */
  GHashTable *pending;   /* during compilation: value id -> GonioCpuView* not in the value's form */
  GHashTable *line_sums; /* during compilation: value id -> slot + 1 of the sums over its lines */
  GHashTable *placed;    /* during compilation: value id -> where place.c puts it */
};

/* The slot whose memory a slot really is; *out_shift (nullable): bytes from its start. */
guint gonio_cpu_slot_root (const GArray *slots, guint slot, size_t *out_shift);

GonioCpuSlotInfo *gonio_cpu_slot_at (const GonioCompiled *compiled, guint slot);
/* A new slot, in use from the current step on. */
guint gonio_cpu_slot_add (GonioCompiled *compiled, GonioPlace kind, size_t bytes);
/* The slot that holds a value in its own form. */
guint gonio_cpu_slot_of_value (GonioCompiled *compiled, GonioValueId id);
/* Notes that the current step uses the slot, which is returned. */
guint gonio_cpu_slot_touch (GonioCompiled *compiled, guint slot);
size_t gonio_cpu_value_bytes (const GonioValue *value);

/* chain.c */
/* Lets steps that follow each other on large images work together. After all places are known. */
void gonio_cpu_chain (GonioCompiled *compiled);

/* place.c */
/* Decides which results are computed in the memory of a Concat that they go into. */
void gonio_cpu_place (const GonioCpuLower *lower, const GonioRegion *region);
/* Does output `out` lie in another value's memory? */
gboolean gonio_cpu_is_placed (const GonioCpuLower *lower, guint out);

/* views.c */
/* The value can be read through the view, whose slot the current step uses. */
void gonio_cpu_note_view (GonioCompiled *compiled, GonioValueId id, const GonioCpuView *view);
/* Is input i so far only a view that is not in the value's form? */
gboolean gonio_cpu_is_pending (const GonioCpuLower *lower, guint i);
/* Copies a value that is only a view into its form. */
void gonio_cpu_settle (GonioCpuLower *lower, GonioValueId id);
/* The same for every input of the node that the row cannot read as a view. */
void gonio_cpu_settle_inputs (GonioCpuLower *lower, const GonioCpuOp *op);

G_END_DECLS
