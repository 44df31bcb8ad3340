#!/usr/bin/python3
"""Writes ml-cases.h: small models trained by scikit-learn, as attributes of ai.onnx.ml operators,
and what scikit-learn says of a few rows. Debian: python3-sklearn.

    python3 tests/unit/make-ml-cases.py > tests/unit/ml-cases.h && clang-format -i ...
"""
import warnings

import numpy as np
from sklearn.ensemble import (GradientBoostingClassifier, GradientBoostingRegressor,
                              RandomForestClassifier, RandomForestRegressor)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.svm import SVC, SVR, LinearSVC, OneClassSVM
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

warnings.simplefilter('ignore')
rng = np.random.RandomState(7)
N, F = 60, 4
X = (rng.randn(N, F) * [1, 2, 0.5, 3]).round(2)
Y2 = (X[:, 0] + 0.5 * X[:, 1] > 0).astype(int)
Y3 = np.digitize(X[:, 0] - X[:, 2] + 0.2 * X[:, 3], [-0.7, 0.6])
R = X[:, 0] * X[:, 1] + X[:, 3]
R2 = np.stack([R, X[:, 2] - X[:, 1]], axis=1)
T = (rng.randn(8, F) * [1, 2, 0.5, 3] * np.repeat([[0.7], [1.8]], 4, axis=0)).round(2)  # rows to try
cases = []


def text(values):
    out = []
    for v in np.asarray(values).ravel():
        out.append(str(v) if isinstance(v, (str, np.str_)) else
                   repr(int(v)) if isinstance(v, (int, np.integer)) else repr(float(v)))
    return ' '.join(out)


def kind(key, values):
    """s, i, f: lists of texts, integers, numbers; S, I: one of them."""
    if key in ('post_transform', 'kernel_type', 'aggregate_function'):
        return 'S'
    if key in ('n_targets', 'targets', 'multi_class', 'n_supports', 'one_class'):
        return 'I'
    values = np.asarray(values)
    return {'U': 's', 'i': 'i', 'f': 'f'}[values.dtype.kind]


def case(name, op, attrs, label, scores):
    cases.append((name, op, [(k, kind(k, v), text(v)) for k, v in attrs.items()],
                  text(label) if label is not None else '', np.asarray(scores, dtype=np.float64)))


def trees(models, votes, weigh, first_target=None):
    """votes: 'class' or 'target'; weigh (model, node): the weights of a leaf, by target."""
    a = {k: [] for k in ('nodes_treeids nodes_nodeids nodes_featureids nodes_modes nodes_values '
                         'nodes_truenodeids nodes_falsenodeids').split()}
    v = {votes + k: [] for k in '_treeids _nodeids _ids _weights'.split()}
    for t, model in enumerate(models):
        tree = model.tree_
        for i in range(tree.node_count):
            leaf = tree.children_left[i] < 0
            for key, value in zip(a, (t, i, 0 if leaf else int(tree.feature[i]),
                                      'LEAF' if leaf else 'BRANCH_LEQ',
                                      0.0 if leaf else split(tree.threshold[i]),
                                      0 if leaf else int(tree.children_left[i]),
                                      0 if leaf else int(tree.children_right[i]))):
                a[key].append(value)
            if leaf:
                for target, weight in enumerate(weigh(t, tree.value[i])):
                    for key, value in zip(v, (t, i, target if first_target is None else
                                              first_target(t), float(weight))):
                        v[key].append(value)
    return {**a, **v}


def split(threshold):
    """The largest float that is not above: x <= t stays what it was for floats x."""
    f = np.float32(threshold)
    return float(np.nextafter(f, np.float32(-np.inf)) if f > threshold else f)


def pad(scores):
    return np.asarray(scores).reshape(len(T), -1)


names = np.array(['low', 'middle', 'high'])
tree = DecisionTreeClassifier(max_depth=3, random_state=0).fit(X, names[Y3])
case('tree of texts', 'TreeEnsembleClassifier',
     {**trees([tree], 'class', lambda t, v: v[0] / v[0].sum()),
      'classlabels_strings': tree.classes_}, tree.predict(T), tree.predict_proba(T))
forest = RandomForestClassifier(n_estimators=4, max_depth=2, random_state=1).fit(X, Y3 * 10)
case('forest', 'TreeEnsembleClassifier',
     {**trees(forest.estimators_, 'class', lambda t, v: v[0] / v[0].sum() / 4),
      'classlabels_int64s': forest.classes_}, forest.predict(T), forest.predict_proba(T))
forest = RandomForestClassifier(n_estimators=3, max_depth=2, random_state=2).fit(X, Y2)
case('probability of one of two', 'TreeEnsembleClassifier',
     {**trees(forest.estimators_, 'class', lambda t, v: [v[0][1] / v[0].sum() / 3],
              lambda t: 1), 'classlabels_int64s': forest.classes_},
     forest.predict(T), forest.predict_proba(T))
boost = GradientBoostingClassifier(n_estimators=5, max_depth=2, random_state=0).fit(X, Y2)
prior = float(boost.init_.class_prior_[1])
case('boosted, one of two', 'TreeEnsembleClassifier',
     {**trees(boost.estimators_[:, 0], 'class', lambda t, v: [0.1 * v[0][0]], lambda t: 0),
      'base_values': [float(np.log(prior / (1 - prior)))], 'classlabels_int64s': boost.classes_,
      'post_transform': ['LOGISTIC']}, boost.predict(T), boost.predict_proba(T))
boost = GradientBoostingClassifier(n_estimators=2, max_depth=2, random_state=0).fit(X, Y3)
case('boosted, three', 'TreeEnsembleClassifier',
     {**trees(boost.estimators_.ravel(), 'class', lambda t, v: [0.1 * v[0][0]], lambda t: t % 3),
      'base_values': np.log(boost.init_.class_prior_), 'classlabels_int64s': boost.classes_,
      'post_transform': ['SOFTMAX']}, boost.predict(T), boost.predict_proba(T))
forest = RandomForestRegressor(n_estimators=4, max_depth=2, random_state=1).fit(X, R)
case('average', 'TreeEnsembleRegressor',
     {**trees(forest.estimators_, 'target', lambda t, v: v[0]), 'aggregate_function': ['AVERAGE']},
     None, pad(forest.predict(T)))
tree = DecisionTreeRegressor(max_depth=3, random_state=1).fit(X, R2)
case('two targets', 'TreeEnsembleRegressor',
     {**trees([tree], 'target', lambda t, v: v[:, 0]), 'n_targets': [2]}, None, tree.predict(T))
boost = GradientBoostingRegressor(n_estimators=4, max_depth=2, random_state=0).fit(X, R)
case('boosted', 'TreeEnsembleRegressor',
     {**trees(boost.estimators_.ravel(), 'target', lambda t, v: 0.1 * v[0]),
      'base_values': [float(boost.init_.constant_[0, 0])]}, None, pad(boost.predict(T)))

model = LogisticRegression().fit(X, names[Y3])
case('logistic, three', 'LinearClassifier',
     {'coefficients': model.coef_, 'intercepts': model.intercept_, 'multi_class': [1],
      'classlabels_strings': model.classes_, 'post_transform': ['SOFTMAX']}, model.predict(T),
     model.predict_proba(T))
model = LogisticRegression().fit(X, Y2)
case('logistic, two', 'LinearClassifier',
     {'coefficients': model.coef_, 'intercepts': model.intercept_,
      'classlabels_ints': model.classes_, 'post_transform': ['LOGISTIC']}, model.predict(T),
     model.predict_proba(T))
model = LinearSVC(random_state=0).fit(X, Y3)
case('margins', 'LinearClassifier',
     {'coefficients': model.coef_, 'intercepts': model.intercept_,
      'classlabels_ints': model.classes_}, model.predict(T), model.decision_function(T))
model = Ridge().fit(X, R2)
case('ridge', 'LinearRegressor',
     {'coefficients': model.coef_, 'intercepts': model.intercept_, 'targets': [2]}, None,
     model.predict(T))


def svm(model, kernel, params):
    return {'kernel_type': [kernel], 'kernel_params': params, 'coefficients': model._dual_coef_,
            'support_vectors': model.support_vectors_, 'rho': model._intercept_}


model = SVC(kernel='rbf', gamma=0.3, probability=True, random_state=0).fit(X, names[Y3])
case('rbf, probabilities', 'SVMClassifier',
     {**svm(model, 'RBF', [0.3, 0., 0.]), 'vectors_per_class': model.n_support_,
      'classlabels_strings': model.classes_, 'prob_a': model.probA_, 'prob_b': model.probB_},
     names[[list(names).index(c) for c in model.predict(T)]], model.predict_proba(T))
model = SVC(kernel='poly', gamma=0.2, coef0=1, degree=3).fit(X, Y3)
model.decision_function_shape = 'ovo'
case('poly, pairs', 'SVMClassifier',
     {**svm(model, 'POLY', [0.2, 1., 3.]), 'vectors_per_class': model.n_support_,
      'classlabels_ints': model.classes_}, model.predict(T), model.decision_function(T))
model = SVC(kernel='sigmoid', gamma=0.1, coef0=0.5).fit(X, Y2)
d = -model.decision_function(T)
case('sigmoid, two', 'SVMClassifier',
     {**svm(model, 'SIGMOID', [0.1, 0.5, 0.]), 'vectors_per_class': model.n_support_,
      'classlabels_ints': model.classes_}, model.predict(T), np.stack([-d, d], axis=1))
model = SVC(kernel='linear', probability=True, random_state=0).fit(X, Y2)
case('linear, probabilities of two', 'SVMClassifier',
     {**svm(model, 'LINEAR', [0., 0., 0.]), 'vectors_per_class': model.n_support_,
      'classlabels_ints': model.classes_, 'prob_a': model.probA_, 'prob_b': model.probB_},
     model.predict(T), model.predict_proba(T))
model = SVR(kernel='rbf', gamma=0.2).fit(X, R)
case('regression', 'SVMRegressor',
     {**svm(model, 'RBF', [0.2, 0., 0.]), 'n_supports': [len(model.support_vectors_)]}, None,
     pad(model.predict(T)))
model = OneClassSVM(kernel='rbf', gamma=0.2, nu=0.5).fit(X)
case('one class', 'SVMRegressor',
     {**svm(model, 'RBF', [0.2, 0., 0.]), 'n_supports': [len(model.support_vectors_)],
      'one_class': [1]}, None, pad(model.predict(T)))


def quoted(string):
    words, lines, line = string.split(' '), [], ''
    for i, word in enumerate(words):
        word += ' ' if i + 1 < len(words) else ''
        if len(line) + len(word) > 84:
            lines.append(line)
            line = ''
        line += word
    return '\n'.join('"%s"' % part for part in lines + [line])


print('/* Made by make-ml-cases.py: scikit-learn\'s own models and answers. */\n#pragma once\n')
print('#define ML_ROWS %d\n#define ML_COLUMNS %d' % T.shape)
print('static const double ml_x[ML_ROWS * ML_COLUMNS] = {%s};' % ', '.join(map(repr, T.ravel())))
for number, (name, op, attrs, label, scores) in enumerate(cases):
    print('static const MlAttr ml_attrs_%d[] = {' % number)
    for key, letter, value in attrs:
        print('{"%s", \'%s\',\n%s},' % (key, letter, quoted(value)))
    print('{0}};')
    print('static const double ml_scores_%d[] = {%s};' %
          (number, ', '.join('%.9g' % v for v in scores.ravel())))
print('static const MlCase ml_cases[] = {')
for number, (name, op, attrs, label, scores) in enumerate(cases):
    print('{"%s", "%s", ml_attrs_%d, %s, ml_scores_%d, %d},' %
          (name, op, number, '"%s"' % label if label else 'NULL', number,
           scores.reshape(len(T), -1).shape[1]))
print('};')
