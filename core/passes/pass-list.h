/* The passes, one file each; passes.c orders them. */
#pragma once

#include "core/passes/passes.h"

G_BEGIN_DECLS

#define GONIO_PASS_SIGNATURE                                                                       \
  (GonioGraph * graph, const GonioPassOptions *options, guint *out_changes, GError **error)

gboolean gonio_pass_fold GONIO_PASS_SIGNATURE;            /* fold.c */
gboolean gonio_pass_dead GONIO_PASS_SIGNATURE;            /* dead.c */
gboolean gonio_pass_identity GONIO_PASS_SIGNATURE;        /* identity.c */
gboolean gonio_pass_recognise GONIO_PASS_SIGNATURE;       /* recognise.c */
gboolean gonio_pass_fuse_gemm GONIO_PASS_SIGNATURE;       /* fuse-gemm.c */
gboolean gonio_pass_fuse_norm GONIO_PASS_SIGNATURE;       /* fuse-norm.c */
gboolean gonio_pass_fuse_pad GONIO_PASS_SIGNATURE;        /* fuse-pad.c */
gboolean gonio_pass_fuse_activation GONIO_PASS_SIGNATURE; /* fuse-activation.c */

G_END_DECLS
