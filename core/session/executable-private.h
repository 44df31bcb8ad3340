/* What building (executable.c) and running (run.c) share. Private to core/session. */
#pragma once

#include "core/base/memory.h"
#include "core/session/executable.h"

G_BEGIN_DECLS

/* Where a value that crosses regions lives during a run. */
typedef enum {
  GONIO_SLOT_INPUT,    /* the caller's tensor */
  GONIO_SLOT_CONSTANT, /* the graph's */
  GONIO_SLOT_ARENA,    /* a fixed place in the run's arena */
  GONIO_SLOT_FRESH,    /* known shape, but leaves the run or holds strings: own memory */
  GONIO_SLOT_DYNAMIC,  /* the backend allocates, because the shape depends on the data */
} GonioSlotKind;

typedef struct {
  GonioSlotKind kind;
  GonioValueId value;
  GonioDType dtype;
  GonioShape shape;
  guint index;   /* INPUT: position among the inputs */
  size_t offset; /* ARENA */
  guint first;   /* region that makes it */
  guint last;    /* region that reads it last; G_MAXUINT for graph outputs */
} GonioSlot;

typedef struct {
  const GonioBackendDef *def;
  guint backend; /* index */
  gboolean host; /* there is no other */
  GonioCompiled *compiled;
  GMutex serial; /* held while running when the backend asks for it */
  guint *inputs; /* slots */
  guint n_inputs;
  guint *outputs;
  guint n_outputs;
  GArray *dying; /* slots read here for the last time */
} GonioStep;

/* Memory of one run; kept and reused. */
typedef struct {
  void *arena_block;
  char *arena;
  void *workspace_block;
  char *workspace;
  GonioMemoryBudget *budget; /* nullable: of both blocks */
  GonioTensor **places;      /* by slot: tensor in the arena, or NULL */
  GonioTensor **values;      /* by slot: owned references during a run */
} GonioRunState;

struct _GonioExecutable {
  gatomicrefcount refs;
  GonioGraph *graph;
  GonioPartition *partition;
  GArray *refusals; /* GonioRefusal */
  GonioStep *steps;
  guint n_steps;
  GArray *slots;        /* GonioSlot */
  GArray *output_slots; /* guint, by graph output */
  size_t released;      /* bytes of constants that are no longer in the graph */
  size_t arena_size;
  size_t workspace_size;

  GMutex lock; /* guards pool and profile */
  GQueue pool; /* GonioRunState */
  gboolean profile;
  gint64 *node_ns; /* by node id, when profiling */
  guint *node_runs;
  GArray *events; /* GonioNodeEvent, when profiling */
};

/* May the nodes of a region that failed so be given to the next backend? */
gboolean gonio_step_is_revoked (const GonioBackendDef *def, const GError *error);
/* All nodes of a region, or all of its backend when that is lost. */
void gonio_step_refuse (const GonioExecutable *exec, guint region, const GError *error,
                        GArray *refusals);
void gonio_run_state_free (GonioExecutable *exec, GonioRunState *state);

G_END_DECLS
