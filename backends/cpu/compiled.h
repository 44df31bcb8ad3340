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
  int takes[2];      /* slots whose memory this one may take over, or -1 */
} GonioCpuSlotInfo;

typedef struct {
  GonioNodeId node;
  GonioCpuRunFunc run; /* NULL: nothing to do, the node is a view */
  gpointer data;
  void (*clear) (gpointer data);
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
  GHashTable *by_value; /* during compilation: value id -> slot + 1 */
};

/* The slot whose memory a slot really is. */
guint gonio_cpu_slot_root (const GArray *slots, guint slot);

G_END_DECLS
