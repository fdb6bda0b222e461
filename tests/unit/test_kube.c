// SPDX-License-Identifier: Apache-2.0
/* Names out of file names of the kubelet: what an API server would not take is no name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/kube.h"

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define UID "1f0c2a3b-0000-4444-8888-0123456789ab"
#define LABEL_63 "a23456789012345678901234567890123456789012345678901234567890123"

static void is_label_takes_what_the_api_server_takes(void **state)
{
	static const char *const valid[] = {"a", "0", "shop", "a-b", "1-2", LABEL_63};
	static const char *const invalid[] = {
		"",    "-a",   "a-",  "A",	     "a.b",   "a_b",	     "a b",
		"a/b", "\033", "a\n", "caf\xc3\xa9", "a\x7f", (LABEL_63 "x")};

	(void)state;
	for (size_t i = 0; i < sizeof(valid) / sizeof(valid[0]); i++)
		assert_true(kube_is_label(valid[i], strlen(valid[i])));
	for (size_t i = 0; i < sizeof(invalid) / sizeof(invalid[0]); i++)
		assert_false(kube_is_label(invalid[i], strlen(invalid[i])));
}

static void is_subdomain_takes_labels_joined_by_dots(void **state)
{
	static const char *const valid[] = {"a", "a.b", "etcd-node.example.com", "a.b.c-d.0"};
	static const char *const invalid[] = {"", ".", "a.", ".a", "a..b", "a.-b", "a_b", "a.B"};
	char longest[KUBE_POD_SIZE + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(valid) / sizeof(valid[0]); i++)
		assert_true(kube_is_subdomain(valid[i], strlen(valid[i])));
	for (size_t i = 0; i < sizeof(invalid) / sizeof(invalid[0]); i++)
		assert_false(kube_is_subdomain(invalid[i], strlen(invalid[i])));
	memset(longest, 'a', sizeof(longest));
	assert_true(kube_is_subdomain(longest, KUBE_POD_SIZE - 1));
	assert_false(kube_is_subdomain(longest, KUBE_POD_SIZE));
}

static void parse_log_link_has_pod_namespace_container_and_id(void **state)
{
	struct kube_names names;
	char id[65];

	(void)state;
	assert_true(kube_parse_log_link("orders-7d9f.x_shop_side-car-" ID ".log", &names, id));
	assert_string_equal(names.pod, "orders-7d9f.x");
	assert_string_equal(names.namespace, "shop");
	assert_string_equal(names.container, "side-car");
	assert_string_equal(id, ID);
}

static void parse_log_link_anything_else_is_refused_and_leaves_the_outputs(void **state)
{
	static const char *const files[] = {
		"",
		".log",
		ID ".log",
		"-" ID ".log",
		"_-" ID ".log",
		"__-" ID ".log",
		"orders_shop_api-" ID,
		"orders_shop_api" ID ".log",
		"orders_shop_api_" ID ".log",
		"orders_shop_-" ID ".log",
		"orders_shop-" ID ".log",
		"orders__api-" ID ".log",
		"_shop_api-" ID ".log",
		"orders_shop_api_b-" ID ".log",
		"orders_sh.op_api-" ID ".log",
		"orders_shop_a.pi-" ID ".log",
		"ord\033[2Jers_shop_api-" ID ".log",
		"orders_shop_api\n-" ID ".log",
		"Orders_shop_api-" ID ".log",
		"orders_shop_" LABEL_63 "x-" ID ".log",
		"orders_shop_api-A123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
		".log",
		"orders_shop_api-123456789abcdef.log",
	};
	struct kube_names names = {.pod = "before"};
	char id[65] = "before";

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		if (kube_parse_log_link(files[i], &names, id))
			fail_msg("taken: '%s'", files[i]);
		assert_string_equal(names.pod, "before");
		assert_string_equal(id, "before");
	}
}

static void parse_pod_dir_has_namespace_pod_and_uid(void **state)
{
	struct kube_names names;
	char uid[37];

	(void)state;
	assert_true(kube_parse_pod_dir("shop_orders-7d9f_" UID, &names, uid));
	assert_string_equal(names.namespace, "shop");
	assert_string_equal(names.pod, "orders-7d9f");
	assert_string_equal(names.container, "");
	assert_string_equal(uid, UID);
	/* A static pod's uid is a hash. */
	assert_true(kube_parse_pod_dir("kube-system_etcd-a_0123456789abcdef0123456789abcdef",
				       &names, uid));
	assert_string_equal(uid, "0123456789abcdef0123456789abcdef");
}

static void parse_pod_dir_anything_else_is_refused(void **state)
{
	static const char *const files[] = {
		"",
		"__",
		"shop_orders",
		"shop_orders_",
		"shop_orders_api",
		"shop__" UID,
		"_orders_" UID,
		"shop_orders_" UID "x",
		"shop_orders_x" UID,
		"sh.op_orders_" UID,
		"shop_ord ers_" UID,
		"shop_orders_1f0c2a3b_0000_4444_8888_0123456789ab",
		"shop_orders_" UID "_" UID,
	};
	struct kube_names names;
	char uid[37];

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (kube_parse_pod_dir(files[i], &names, uid))
			fail_msg("taken: '%s'", files[i]);
}

static void label_says_what_is_known(void **state)
{
	char text[64];

	(void)state;
	assert_string_equal(kube_label("shop", "orders", "api", text, sizeof(text)),
			    "shop/orders/api");
	assert_string_equal(kube_label("shop", "orders", NULL, text, sizeof(text)), "shop/orders");
	assert_string_equal(kube_label("shop", "orders", "", text, sizeof(text)), "shop/orders");
	assert_string_equal(kube_label(NULL, NULL, NULL, text, sizeof(text)), "");
	assert_string_equal(kube_label("", "", "", text, sizeof(text)), "");
	assert_null(strchr(kube_label("sh\033op", "orders", "api", text, sizeof(text)), '\033'));
	assert_int_equal(strlen(kube_label("shop", "orders", "api", text, 8)), 7);
}

static void controller_is_the_name_without_what_was_generated(void **state)
{
	static const struct {
		const char *pod, *controller;
	} rows[] = {
		{"orders-7d9fb6c5d8-x2vqz", "orders"},
		{"orders-api-7d9fb6c5d8-x2vqz", "orders-api"},
		{"agent-x2vqz", "agent"},
		{"nightly-29384756-x2vqz", "nightly"},
		{"db-0", "db"},
		{"db-1-12", "db-1"},
		/* Words have vowels; and what is too short for a hash stays. */
		{"orders-green", "orders-green"},
		{"orders-hotfixes-x2vqz", "orders-hotfixes"},
		{"orders-pgsql-x2vqz", "orders-pgsql"},
		{"etcd-node-a", "etcd-node-a"},
		{"orders", "orders"},
		{"-x2vqz", "-x2vqz"},
		{"x2vqz", "x2vqz"},
		{"", ""},
	};
	char controller[KUBE_POD_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(kube_controller(rows[i].pod, controller, sizeof(controller)),
				    rows[i].controller);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(controller_is_the_name_without_what_was_generated),
		cmocka_unit_test(is_label_takes_what_the_api_server_takes),
		cmocka_unit_test(is_subdomain_takes_labels_joined_by_dots),
		cmocka_unit_test(parse_log_link_has_pod_namespace_container_and_id),
		cmocka_unit_test(parse_log_link_anything_else_is_refused_and_leaves_the_outputs),
		cmocka_unit_test(parse_pod_dir_has_namespace_pod_and_uid),
		cmocka_unit_test(parse_pod_dir_anything_else_is_refused),
		cmocka_unit_test(label_says_what_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
