/* Elementwise operators as GLSL, for chain.c. Depends on lower. */
#pragma once

#include "backends/gl/common/lower.h"

G_BEGIN_DECLS

/* What an operator makes of $a, the running value or the first operand, and $b, each further one;
 * $0 and $1 are numbers. */
typedef struct {
  const char *text;   /* NULL: no such operator */
  const char *finish; /* of $a, with $0, when all operands are in; nullable */
  float numbers[2];
} GonioGlExpression;

/* Needs constants where the claim asks for them. */
GonioGlExpression gonio_gl_expression (const GonioGraph *graph, const GonioNode *node);
/* The activation that a node carries; text is NULL when there is none. */
GonioGlExpression gonio_gl_activation_expression (const GonioNode *node);

/* Lowers lower->chain, one node or several that follow each other. */
gboolean gonio_gl_chain_lower (GonioGlLower *lower, GError **error);
/* Operands that one program takes, and those among them that are broadcast. */
#define GONIO_GL_CHAIN_OPERANDS  8
#define GONIO_GL_CHAIN_BROADCAST 5
#define GONIO_GL_CHAIN_AXES      6

G_END_DECLS
