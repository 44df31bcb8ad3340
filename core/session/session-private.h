/* The session's own structure. Private to core/session. */
#pragma once

#include "core/base/memory.h"
#include "core/session/executable.h"
#include "core/session/session.h"

G_BEGIN_DECLS

struct _GonioSession {
  gatomicrefcount refs;
  GonioGraph *graph; /* optimised, shapes still symbolic */
  GArray *backends;  /* GonioPlanBackend */
  GArray *inputs;    /* GonioPort, without inputs that have a constant */
  GArray *outputs;   /* GonioPort */
  guint n_shown;     /* outputs the caller sees; the rest is there for check_values */

  GonioOptLevel optimization;
  char **disabled_passes;
  char *dump_dir;
  GonioEvaluate evaluate; /* nullable */
  gboolean strict;
  gboolean keep_islands;
  gboolean profile;
  gboolean check_values;
  GLogLevelFlags log_level;
  guint plan_cache;
  GonioMemoryBudget *budget;
  guint64 max_rounds;

  gboolean consumes; /* what is packed need not stay in the graph */
  gboolean released; /* some of it has gone */

  GMutex build_lock; /* held while a plan is built; taken before lock */
  GMutex lock;       /* guards plans */
  GQueue plans;      /* Plan*, most recently used first */
  GArray *lost;      /* GonioRefusal of whole backends; guarded by build_lock */
};

/* Checks names, kinds, types, ranks and dimensions. out_ordered: borrowed tensors by port. */
gboolean gonio_session_match_inputs (GonioSession *session, const char *const *names,
                                     GonioTensor *const *inputs, guint n_inputs,
                                     GonioTensor **out_ordered, GError **error);
/* The plan for these shapes (one per input port), built when it is not there yet.
 * (transfer full) */
GonioExecutable *gonio_session_get_plan (GonioSession *session, const GonioShape *shapes,
                                         GCancellable *cancellable, GError **error);
/* Makes the plan anew that a run has found wanting, without what it refuses; nothing when another
 * run has done so. FALSE when there is no other way. */
gboolean gonio_session_replace_plan (GonioSession *session, GonioExecutable *exec,
                                     const GonioShape *shapes, const GArray *refusals,
                                     GCancellable *cancellable, GError **error);
/* check-values.c: what a run finds in subgraphs, whose values nobody else sees. */
typedef struct _GonioBodyCheck GonioBodyCheck;
GonioBodyCheck *gonio_body_check_new (const GonioGraph *graph); /* which is run; borrowed */
const GonioBodyWatch *gonio_body_check_watch (const GonioBodyCheck *check); /* both nullable */
void gonio_body_check_free (GonioBodyCheck *check);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GonioBodyCheck, gonio_body_check_free)
/* The first node of a finished run that made NaN or infinities. inputs: by input port; outputs: by
 * graph output, all values among them. */
gboolean gonio_session_check_values (GonioSession *session, GonioExecutable *exec,
                                     const GonioBodyCheck *bodies, GonioTensor *const *inputs,
                                     GonioTensor *const *outputs, GError **error);
/* Logs when the session's options ask for messages of this level. */
void gonio_session_log (GonioSession *session, GLogLevelFlags level, const char *format, ...)
    G_GNUC_PRINTF (3, 4);
/* The plan used last, or NULL. (transfer full) */
GonioExecutable *gonio_session_latest_plan (GonioSession *session);

G_END_DECLS
