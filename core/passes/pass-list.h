/* The passes, one file each; passes.c orders them. */
#pragma once

#include "core/passes/passes.h"

G_BEGIN_DECLS

#define GONIO_PASS_SIGNATURE                                                                       \
  (GonioGraph * graph, const GonioPassOptions *options, guint *out_changes, GError **error)

gboolean gonio_pass_dead GONIO_PASS_SIGNATURE;
gboolean gonio_pass_fold GONIO_PASS_SIGNATURE;
gboolean gonio_pass_fuse_activation GONIO_PASS_SIGNATURE;
gboolean gonio_pass_fuse_gemm GONIO_PASS_SIGNATURE;
gboolean gonio_pass_fuse_norm GONIO_PASS_SIGNATURE;
gboolean gonio_pass_fuse_pad GONIO_PASS_SIGNATURE;
gboolean gonio_pass_fuse_sum GONIO_PASS_SIGNATURE;
gboolean gonio_pass_identity GONIO_PASS_SIGNATURE;
gboolean gonio_pass_inline_if GONIO_PASS_SIGNATURE;
gboolean gonio_pass_layer_norm GONIO_PASS_SIGNATURE;
gboolean gonio_pass_merge_views GONIO_PASS_SIGNATURE;
gboolean gonio_pass_recognise GONIO_PASS_SIGNATURE;
gboolean gonio_pass_resolve_pads GONIO_PASS_SIGNATURE;
gboolean gonio_pass_shuffle GONIO_PASS_SIGNATURE;

G_END_DECLS
