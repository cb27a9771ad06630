/* Serves one image with an exported child, by TensorFlow's C library alone.
 *
 *   serve FOLDER INPUT OUTPUT FILE [HEIGHT WIDTH]
 *
 * FOLDER is a SavedModel. INPUT and OUTPUT are tensors of its graph, written
 * OPERATION:INDEX. FILE holds HEIGHT * WIDTH * 3 numbers, RGB, of the type of
 * INPUT, or without these sizes a JPEG or PNG, which goes in as a string. Prints
 * the values of the float32 OUTPUT, one on a line.
 */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensorflow/c/c_api.h"
#include "tensorflow/c/tf_tstring.h"

/* Everything that must be freed, in one place, so that every way out of the
 * program frees it. */
typedef struct {
  TF_Status* status;
  TF_Graph* graph;
  TF_SessionOptions* options;
  TF_Session* session;
  TF_Output from;
  TF_Output to;
  TF_Tensor* image;
  TF_Tensor* result;
} Server;

static int fail(const char* what, const char* why) {
  fprintf(stderr, "%s: %s\n", what, why);
  return 0;
}

static int check(const Server* server, const char* what) {
  if (TF_GetCode(server->status) == TF_OK) return 1;
  return fail(what, TF_Message(server->status));
}

static int load(Server* server, const char* folder) {
  const char* tags[] = {"serve"};
  server->status = TF_NewStatus();
  server->graph = TF_NewGraph();
  server->options = TF_NewSessionOptions();
  server->session = TF_LoadSessionFromSavedModel(
      server->options, NULL, folder, tags, 1, server->graph, NULL,
      server->status);
  return check(server, "load");
}

/* Looks up "operation:index". */
static int find(const Server* server, const char* name, TF_Output* found) {
  char operation[256];
  const char* colon = strrchr(name, ':');
  if (colon == NULL || (size_t)(colon - name) >= sizeof(operation))
    return fail(name, "not of the form OPERATION:INDEX");
  memcpy(operation, name, (size_t)(colon - name));
  operation[colon - name] = '\0';
  found->oper = TF_GraphOperationByName(server->graph, operation);
  found->index = atoi(colon + 1);
  if (found->oper == NULL) return fail(name, "no such operation");
  if (found->index < 0 || found->index >= TF_OperationNumOutputs(found->oper))
    return fail(name, "no such output");
  return 1;
}

static int find_both(Server* server, const char* input, const char* output) {
  return find(server, input, &server->from) && find(server, output, &server->to);
}

static int read_image(Server* server, const char* path, int64_t height,
                      int64_t width) {
  const int64_t shape[] = {1, height, width, 3};
  if (height < 1 || width < 1) return fail(path, "height and width below 1");
  const TF_DataType type = TF_OperationOutputType(server->from);
  const size_t each = TF_DataTypeSize(type);
  if (each == 0) return fail(path, "no numbers, but the input takes files");
  const size_t size = (size_t)height * (size_t)width * 3 * each;
  server->image = TF_AllocateTensor(type, shape, 4, size);
  if (server->image == NULL) return fail(path, "out of memory");
  FILE* file = fopen(path, "rb");
  if (file == NULL) return fail(path, "cannot be opened");
  const size_t got = fread(TF_TensorData(server->image), 1, size, file);
  const int at_end = fgetc(file) == EOF;
  fclose(file);
  if (got != size || !at_end) return fail(path, "not height * width * 3 numbers");
  return 1;
}

static int read_encoded(Server* server, const char* path) {
  const int64_t shape[] = {1};
  FILE* file = fopen(path, "rb");
  if (file == NULL) return fail(path, "cannot be opened");
  const int seekable = fseek(file, 0, SEEK_END) == 0;
  const long size = seekable ? ftell(file) : -1;
  char* bytes = size < 0 ? NULL : malloc((size_t)size + 1);
  rewind(file);
  const int is_read =
      bytes != NULL && fread(bytes, 1, (size_t)size, file) == (size_t)size;
  fclose(file);
  if (is_read)
    server->image = TF_AllocateTensor(TF_STRING, shape, 1, sizeof(TF_TString));
  if (server->image != NULL) {
    TF_TString* text = TF_TensorData(server->image);
    TF_StringInit(text);
    TF_StringCopy(text, bytes, (size_t)size);
  }
  free(bytes);
  return server->image != NULL ? 1 : fail(path, "cannot be read");
}

static int run(Server* server) {
  TF_SessionRun(server->session, NULL, &server->from, &server->image, 1,
                &server->to, &server->result, 1, NULL, 0, NULL,
                server->status);
  return check(server, "run");
}

static int print_result(const Server* server) {
  if (TF_TensorType(server->result) != TF_FLOAT)
    return fail("result", "not float32");
  const float* values = TF_TensorData(server->result);
  const int64_t count = TF_TensorElementCount(server->result);
  for (int64_t i = 0; i < count; ++i) printf("%.9g\n", values[i]);
  return 1;
}

static int release(Server* server, int ok) {
  if (server->result != NULL) TF_DeleteTensor(server->result);
  if (server->image != NULL) {
    if (TF_TensorType(server->image) == TF_STRING)
      TF_StringDealloc(TF_TensorData(server->image));
    TF_DeleteTensor(server->image);
  }
  if (server->session != NULL) {
    TF_CloseSession(server->session, server->status);
    ok = check(server, "close") && ok;
    TF_DeleteSession(server->session, server->status);
    ok = check(server, "delete") && ok;
  }
  if (server->options != NULL) TF_DeleteSessionOptions(server->options);
  if (server->graph != NULL) TF_DeleteGraph(server->graph);
  if (server->status != NULL) TF_DeleteStatus(server->status);
  return ok;
}

int main(int argc, char** argv) {
  Server server = {0};
  if (argc != 5 && argc != 7) {
    fprintf(stderr, "usage: %s FOLDER INPUT OUTPUT FILE [HEIGHT WIDTH]\n",
            argv[0]);
    return 2;
  }
  const int ok = load(&server, argv[1]) &&
                 find_both(&server, argv[2], argv[3]) &&
                 (argc == 5 ? read_encoded(&server, argv[4])
                            : read_image(&server, argv[4], atoll(argv[5]),
                                         atoll(argv[6]))) &&
                 run(&server) && print_result(&server);
  return release(&server, ok) ? EXIT_SUCCESS : EXIT_FAILURE;
}
