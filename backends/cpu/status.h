/* XNNPACK's status codes as errors. Depends on base and XNNPACK. */
#pragma once

#include <glib.h>
#include <xnnpack.h>

G_BEGIN_DECLS

/* TRUE on success; else GONIO_BACKEND_ERROR naming what was tried. */
gboolean gonio_cpu_check (enum xnn_status status, const char *what, GError **error);

G_END_DECLS
