/* Reading JSON files that anyone may have written: limits on size and depth before parsing,
 * and errors that name the file and the JSON path. Depends on GLib, json-glib.
 *
 * A reader keeps its first error and then answers with defaults, so that loaders read like a
 * table and check once at the end with gonio_json_finish(). Not thread-safe; one per file.
 */
#pragma once

#include <json-glib/json-glib.h>

G_BEGIN_DECLS

typedef struct _GonioJson GonioJson;

#define GONIO_JSON_MAX_BYTES (4u << 20)
#define GONIO_JSON_MAX_DEPTH 32

/* Refuses more than max_bytes (0: GONIO_JSON_MAX_BYTES) or more than GONIO_JSON_MAX_DEPTH
 * nested arrays and objects. domain and code are those of every error of this reader; name is
 * how messages call the file. */
GonioJson *gonio_json_new_from_bytes (GBytes *bytes, const char *name, size_t max_bytes,
                                      GQuark domain, int code, GError **error);
GonioJson *gonio_json_new_from_file (const char *path, size_t max_bytes, GQuark domain, int code,
                                     GError **error);
/* Over a tree that the caller keeps alive. */
GonioJson *gonio_json_new_from_node (JsonNode *root, const char *name, GQuark domain, int code);
void gonio_json_free (GonioJson *json);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GonioJson, gonio_json_free)

JsonNode *gonio_json_root (GonioJson *json); /* owned by the reader */
gboolean gonio_json_ok (const GonioJson *json);
/* TRUE when nothing failed; else moves the error out. */
gboolean gonio_json_finish (GonioJson *json, GError **error);
/* Sets the error "<name>: <path>: <message>" unless there is one already. */
void gonio_json_fail (GonioJson *json, const char *format, ...) G_GNUC_PRINTF (2, 3);

/* The path for messages: push a member before reading below it. */
void gonio_json_push (GonioJson *json, const char *member);
void gonio_json_push_index (GonioJson *json, guint index);
void gonio_json_pop (GonioJson *json);

/* node as an object whose members are all among known (NULL-terminated; NULL: any), or NULL
 * and an error. */
JsonObject *gonio_json_object (GonioJson *json, JsonNode *node, const char *const *known);
/* FALSE and an error when object has members that known does not name. */
gboolean gonio_json_check_fields (GonioJson *json, JsonObject *object, const char *const *known);

/* Members of object; object may be NULL (after an error): then the default comes back.
 * Each names the path down to the member in its error. JSON null counts as absent. */
JsonNode *gonio_json_member (GonioJson *json, JsonObject *object, const char *member,
                             gboolean required); /* nullable */
/* Non-empty text, owned by the tree. NULL when absent. */
const char *gonio_json_text (GonioJson *json, JsonObject *object, const char *member,
                             gboolean required);
/* [A-Za-z0-9] first, then also "._-"; allow_extra: further characters. 64 bytes at most. */
const char *gonio_json_id (GonioJson *json, JsonObject *object, const char *member,
                           gboolean required, const char *allow_extra);
double gonio_json_number (GonioJson *json, JsonObject *object, const char *member,
                          gboolean required, double fallback, double low, double high);
gint64 gonio_json_integer (GonioJson *json, JsonObject *object, const char *member,
                           gboolean required, gint64 fallback, gint64 low, gint64 high);
gboolean gonio_json_boolean (GonioJson *json, JsonObject *object, const char *member,
                             gboolean fallback);
/* Array of at least min and at most max elements; NULL when absent (then required says
 * whether that is an error). */
JsonArray *gonio_json_array (GonioJson *json, JsonObject *object, const char *member,
                             gboolean required, guint min, guint max);
/* Index of the member's text in choices (NULL-terminated), or fallback. */
int gonio_json_choice (GonioJson *json, JsonObject *object, const char *member, gboolean required,
                       const char *const *choices, int fallback);
/* Array of texts as a NULL-terminated vector; NULL when absent. (transfer full) */
char **gonio_json_strv (GonioJson *json, JsonObject *object, const char *member, gboolean required,
                        guint min, guint max);

G_END_DECLS
