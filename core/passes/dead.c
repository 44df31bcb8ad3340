/* Pass "dead": drops what nothing reads. */
#include "core/graph/edit.h"
#include "core/passes/pass-list.h"

gboolean
gonio_pass_dead (GonioGraph *graph, const GonioPassOptions *options, guint *out_changes,
                 GError **error)
{
  *out_changes = gonio_graph_remove_dead (graph, NULL);
  return TRUE;
}
