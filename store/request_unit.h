/* What adding one unit and importing many share. */
#ifndef STORE_REQUEST_UNIT_H
#define STORE_REQUEST_UNIT_H

#include "store/request.h"

/* A code people can write in selectors and paths: no blanks, none of / , * @. OK, VALUE_INVALID. Empty is OK. */
CHECKED enum status request_unit_code_valid(struct bytes code);
/* The unit without a code that bears the name directly under the parent; TREE_NONE. */
uint32_t request_unit_namesake(const struct tree *tree, uint32_t parent, struct bytes name);

enum status request_unit_import(struct request *request); /* request_unit_import.c */

#endif
