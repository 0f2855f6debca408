/* SPDX-License-Identifier: Apache-2.0 */
/* cloudkey: which place wins, what half a pair is, what the vendors' files look like. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "fsio.h"
#include "migrate/cloudkey.h"
#include "store_kit.h"

static char *home;

static void setup(void)
{
	home = kit_dir();
	clearenv();
	setenv("HOME", home, 1);
}

static void teardown(void)
{
	kit_remove_tree(home);
	mem_free(home);
}

TestSuite(cloudkey, .init = setup, .fini = teardown);

static void put(const char *folder, const char *name, const char *text, mode_t mode)
{
	char *dir = kit_path(home, folder), *path = kit_path(dir, name);
	struct err e = ERR_INIT;

	cr_assert_eq(fsio_mkdirs(dir, 0700, &e), 0, "%s", e.msg);
	cr_assert_eq(fsio_replace(path, str_of(text), mode, &e), 0, "%s", e.msg);
	cr_assert_eq(chmod(path, mode), 0);
	mem_free(path);
	mem_free(dir);
}

static void expect(enum cloud c, const struct cloudkey_opts *o, const char *id,
	const char *secret, const char *token)
{
	struct err e = ERR_INIT;
	struct cloudkey k;

	cr_assert_eq(cloudkey_find(&k, c, o, &e), 0, "%s", e.msg);
	cr_expect_str_eq(k.key.id, id);
	cr_expect_str_eq(k.key.secret, secret);
	cr_expect_str_eq(k.key.token ? k.key.token : "", token);
	cloudkey_release(&k);
}

static void refuse(enum cloud c, const struct cloudkey_opts *o, int rc, const char *words)
{
	struct err e = ERR_INIT;
	struct cloudkey k;

	cr_expect_eq(cloudkey_find(&k, c, o, &e), rc, "%s", e.msg);
	cr_expect(strstr(e.msg, words) || strstr(e.hint, words), "%s; %s", e.msg, e.hint);
	cr_expect_null(k.key.secret);
}

Test(cloudkey, our_own_variables_win_and_pairs_stay_whole)
{
	setenv("HW_ACCESS_KEY", "terraform", 1);
	setenv("HW_SECRET_KEY", "secret1", 1);
	expect(CLOUD_HUAWEI, NULL, "terraform", "secret1", "");
	setenv("TDMQCTL_HUAWEI_AK", "own", 1);
	refuse(CLOUD_HUAWEI, NULL, TQ_EDENIED, "'TDMQCTL_HUAWEI_SK' is not");
	setenv("TDMQCTL_HUAWEI_SK", "secret2", 1);
	setenv("TDMQCTL_HUAWEI_TOKEN", "token", 1);
	expect(CLOUD_HUAWEI, NULL, "own", "secret2", "token");
}

Test(cloudkey, without_keys_the_places_are_named)
{
	refuse(CLOUD_ALI, NULL, TQ_EDENIED, "TDMQCTL_ALI_ID");
	refuse(CLOUD_HUAWEI, NULL, TQ_EDENIED, "~/.huaweicloud/credentials");
}

Test(cloudkey, ini_files)
{
	put(".huaweicloud", "credentials",
		"# mine\n[other]\nak = no\n[basic]\n ak = AK1 \nsk=S=K1\nproject_id = p1\n",
		0600);
	expect(CLOUD_HUAWEI, NULL, "AK1", "S=K1", "");
	put("elsewhere", "tc", "[default]\nsecret_id=T1\nsecret_key=T2", 0600);
	setenv("TENCENTCLOUD_CREDENTIALS_FILE", kit_path(home, "elsewhere/tc"), 1);
	expect(CLOUD_TENCENT, NULL, "T1", "T2", "");
	put("elsewhere", "tc", "[default]\nsecret_id=T1\n", 0600);
	refuse(CLOUD_TENCENT, NULL, TQ_EDENIED, "'secret_key' is not");
}

static const char ali[] =
	"{\"current\":\"prod\",\"profiles\":["
	"{\"name\":\"dev\",\"mode\":\"StsToken\",\"access_key_id\":\"D1\","
	"\"access_key_secret\":\"D2\",\"sts_token\":\"D3\"},"
	"{\"name\":\"prod\",\"mode\":\"AK\",\"access_key_id\":\"P1\",\"access_key_secret\":\"P2\","
	"\"region_id\":\"cn-hangzhou\"},"
	"{\"name\":\"role\",\"mode\":\"RamRoleArn\",\"access_key_id\":\"R1\","
	"\"access_key_secret\":\"R2\"}]}";

Test(cloudkey, profiles_of_a_json_file)
{
	struct cloudkey_opts dev = { .profile = "dev" }, role = { .profile = "role" };
	struct cloudkey_opts up = { .profile = "../x" }, none = { .profile = "none" };
	struct err e = ERR_INIT;
	struct cloudkey k;

	put(".aliyun", "config.json", ali, 0644);
	cr_assert_eq(cloudkey_find(&k, CLOUD_ALI, NULL, &e), 0, "%s", e.msg);
	cr_expect_str_eq(k.key.id, "P1");
	cr_expect_str_eq(k.region, "cn-hangzhou");
	cr_expect_not_null(strstr(k.warning, "chmod 600"));
	cloudkey_release(&k);
	expect(CLOUD_ALI, &dev, "D1", "D2", "D3");
	refuse(CLOUD_ALI, &role, TQ_EUNSUPPORTED, "RamRoleArn");
	refuse(CLOUD_ALI, &up, TQ_EUSAGE, "no name of a profile");
	refuse(CLOUD_ALI, &none, TQ_EDENIED, "no keys");
	put(".aliyun", "config.json", "{\"current\": x}", 0600);
	refuse(CLOUD_ALI, NULL, TQ_EFORMAT, "line 1");
}

Test(cloudkey, tccli)
{
	put(".tccli", "default.credential", "{\"secretId\":\"I\",\"secretKey\":\"K\"}", 0600);
	put(".tccli", "ops.credential",
		"{\"secretId\":\"I\",\"secretKey\":\"K\",\"role-arn\":\"qcs::x\"}", 0600);
	expect(CLOUD_TENCENT, NULL, "I", "K", "");
	setenv("TCCLI_PROFILE", "ops", 1);
	refuse(CLOUD_TENCENT, NULL, TQ_EUNSUPPORTED, "of a role");
}

Test(cloudkey, what_the_command_names)
{
	struct cloudkey_opts o = { .id = "AK9", .secret_from = "env:MY_SK" };
	struct cloudkey_opts half = { .id = "AK9" };
	struct err e = ERR_INIT;
	struct arena mem;
	struct cloudkey k;

	setenv("MY_SK", "SK9", 1);
	expect(CLOUD_HUAWEI, &o, "AK9", "SK9", "");
	refuse(CLOUD_HUAWEI, &half, TQ_EUSAGE, "go together");
	setenv("TDMQCTL_ALI_ID", "LTAI123456", 1);
	setenv("TDMQCTL_ALI_SECRET", "s", 1);
	arena_init(&mem);
	cr_assert_eq(cloudkey_find(&k, CLOUD_ALI, NULL, &e), 0);
	cr_expect_str_eq(cloudkey_masked(&k, &mem), "LTAI****");
	cloudkey_release(&k);
	arena_release(&mem);
}
