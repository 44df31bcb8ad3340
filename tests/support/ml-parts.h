/* Parts of small graphs out of ai.onnx.ml, for tests that want all of its operators at once; on top
 * of model-parts.h. Each reads "x", floats [N,2], and declares its results as outputs. */
#pragma once

#include "tests/support/model-parts.h"

/* Trees in both forms: classes of texts, regression, sets of values. */
void ml_parts_trees (GByteArray *graph);
/* Linear models and support vector machines: two classes and three, with probabilities. */
void ml_parts_linear (GByteArray *graph);
/* What is done to features and labels: numbers, categories, texts. */
void ml_parts_features (GByteArray *graph);
/* The model of a graph with such parts. */
GByteArray *ml_parts_model (GByteArray *graph);
