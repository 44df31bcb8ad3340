/* Which ONNX operators the importer takes, from its own tables. Depends on GLib. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct {
  const char *domain; /* "" is ai.onnx */
  const char *op;
  int since; /* first version of the domain's operator set that is taken */
  int until; /* last one, 0: the newest there is */
} GonioOnnxOperator;

/* One row per operator, by domain and name; its forms in between are taken as well. GArray of
 * GonioOnnxOperator. (transfer full) */
GArray *gonio_onnx_operators (void);

G_END_DECLS
