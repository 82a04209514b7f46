// SPDX-License-Identifier: LGPL-2.1-or-later
// Queueing disciplines, filters and ifb interfaces, through rtnetlink.

#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/tc_act/tc_mirred.h>
#include <netinet/in.h>
#include <string.h>

#include "mem.h"
#include "nl_priv.h"
#include "nl_tc.h"

static struct nl_msg *tc_msg(int type, int flags, int ifindex, uint32_t parent,
			     uint32_t handle, uint32_t info)
{
	const struct tcmsg tcm = { .tcm_family = AF_UNSPEC,
				   .tcm_ifindex = ifindex,
				   .tcm_parent = parent,
				   .tcm_handle = handle,
				   .tcm_info = info };

	return nl_new_msg(type, flags, &tcm, sizeof(tcm));
}

/* --- queueing disciplines --- */

static int take_qdisc(struct nlmsghdr *h, void *data, struct xhp_err *err)
{
	const struct tcmsg *tcm = nlmsg_data(h);
	struct tc_qdisc *qdisc = data;
	struct nlattr *attr[TCA_MAX + 1], *tbf, *rate64, *burst;
	const struct tc_tbf_qopt *qopt;

	if (h->nlmsg_type != RTM_NEWQDISC)
		return 0;
	if (nlmsg_parse(h, sizeof(*tcm), attr, TCA_MAX, NULL) < 0 || !attr[TCA_KIND])
		return err_set(err, -EBADMSG, "rtnetlink: malformed qdisc");
	/* the kernel's own choice has no handle */
	if (!tcm->tcm_handle)
		return 0;
	qdisc->handle = tcm->tcm_handle;
	nla_strlcpy(qdisc->kind, attr[TCA_KIND], sizeof(qdisc->kind));
	if (strcmp(qdisc->kind, "tbf") != 0 || !attr[TCA_OPTIONS])
		return 0;
	tbf = nla_find(nla_data(attr[TCA_OPTIONS]), nla_len(attr[TCA_OPTIONS]),
		       TCA_TBF_PARMS);
	if (!tbf || nla_len(tbf) < (int)sizeof(*qopt))
		return 0;
	qopt = nla_data(tbf);
	rate64 = nla_find(nla_data(attr[TCA_OPTIONS]), nla_len(attr[TCA_OPTIONS]),
			  TCA_TBF_RATE64);
	qdisc->rate = 8 * (rate64 ? nla_get_u64(rate64) : qopt->rate.rate);
	burst = nla_find(nla_data(attr[TCA_OPTIONS]), nla_len(attr[TCA_OPTIONS]),
			 TCA_TBF_BURST);
	if (burst)
		qdisc->burst = nla_get_u32(burst);
	return 0;
}

/* Kernels before 6.7 answer as if to everybody, and to the asker only if it wants an
 * echo; a default qdisc may have no answer at all. */
static int get_qdisc(int ifindex, uint32_t parent, struct tc_qdisc *ret,
		     struct xhp_err *err)
{
	struct tc_qdisc qdisc = { 0 };
	int rc = nl_talk(
		tc_msg(RTM_GETQDISC, NLM_F_ACK | NLM_F_ECHO, ifindex, parent, 0, 0),
		take_qdisc, &qdisc, err);

	if (rc == -EOPNOTSUPP) /* it does not know the message */
		kernel_lacks(err, NULL, "CONFIG_NET_SCHED");
	if (rc < 0 && rc != -ENOENT && rc != -EINVAL)
		return err_wrap(err, "qdisc of interface %d", ifindex);
	*ret = qdisc;
	return 0;
}

int tc_root_get(int ifindex, struct tc_qdisc *ret, struct xhp_err *err)
{
	return get_qdisc(ifindex, TC_H_ROOT, ret, err);
}

int tc_clsact_get(int ifindex, struct tc_qdisc *ret, struct xhp_err *err)
{
	return get_qdisc(ifindex, TC_H_CLSACT, ret, err);
}

static struct nl_msg *new_qdisc(int ifindex, uint32_t parent, uint32_t handle,
				const char *kind)
{
	struct nl_msg *msg = tc_msg(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK,
				    ifindex, parent, handle, 0);

	nl_put(nla_put_string(msg, TCA_KIND, kind));
	return msg;
}

static int add_qdisc(struct nl_msg *msg, const char *kind, const char *module,
		     const char *option, struct xhp_err *err)
{
	if (nl_talk(msg, NULL, NULL, err) == 0)
		return 0;
	if (err->code == -ENOENT)
		kernel_lacks(err, module, option);
	return err_wrap(err, "qdisc %s", kind);
}

int tc_plug_add(int ifindex, uint32_t limit, struct xhp_err *err)
{
	const struct tc_plug_qopt opt = { .action = TCQ_PLUG_LIMIT, .limit = limit };
	struct nl_msg *msg = new_qdisc(ifindex, TC_H_ROOT, TC_HANDLE, "plug");

	nl_put(nla_put(msg, TCA_OPTIONS, sizeof(opt), &opt));
	return add_qdisc(msg, "plug", "sch_plug", "CONFIG_NET_SCH_PLUG", err);
}

int tc_tbf_add(int ifindex, uint64_t rate, uint32_t burst, uint32_t limit,
	       struct xhp_err *err)
{
	const uint64_t bytes = rate / 8;
	const struct tc_tbf_qopt opt = {
		.rate = { .linklayer = TC_LINKLAYER_ETHERNET,
			  .rate = bytes > UINT32_MAX ? UINT32_MAX : (uint32_t)bytes },
		.limit = limit,
	};
	struct nl_msg *msg = new_qdisc(ifindex, TC_H_ROOT, TC_HANDLE, "tbf");
	struct nlattr *options = nla_nest_start(msg, TCA_OPTIONS);

	nl_put(nla_put(msg, TCA_TBF_PARMS, sizeof(opt), &opt));
	if (bytes > UINT32_MAX)
		nl_put(nla_put_u64(msg, TCA_TBF_RATE64, bytes));
	nl_put(nla_put_u32(msg, TCA_TBF_BURST, burst));
	nla_nest_end(msg, options);
	return add_qdisc(msg, "tbf", "sch_tbf", "CONFIG_NET_SCH_TBF", err);
}

int tc_root_del(int ifindex, uint32_t handle, struct xhp_err *err)
{
	struct nl_msg *msg =
		tc_msg(RTM_DELQDISC, NLM_F_ACK, ifindex, TC_H_ROOT, handle, 0);

	if (nl_talk(msg, NULL, NULL, err) < 0)
		return err_wrap(err, "deletion of a qdisc");
	return 0;
}

int tc_clsact_add(int ifindex, struct xhp_err *err)
{
	return add_qdisc(
		new_qdisc(ifindex, TC_H_CLSACT, TC_H_MAKE(TC_H_CLSACT, 0), "clsact"),
		"clsact", "sch_ingress", "CONFIG_NET_SCH_INGRESS", err);
}

int tc_clsact_del(int ifindex, const char *kind, struct xhp_err *err)
{
	struct nl_msg *msg = tc_msg(RTM_DELQDISC, NLM_F_ACK, ifindex, TC_H_CLSACT, 0, 0);

	nl_put(nla_put_string(msg, TCA_KIND, kind));
	if (nl_talk(msg, NULL, NULL, err) < 0)
		return err_wrap(err, "deletion of qdisc %s", kind);
	return 0;
}

/* --- filters --- */

static uint32_t hook_parent(enum tc_hook hook)
{
	return TC_H_MAKE(TC_H_CLSACT,
			 hook == TC_INGRESS ? TC_H_MIN_INGRESS : TC_H_MIN_EGRESS);
}

static uint32_t filter_info(void)
{
	return TC_H_MAKE(TC_HANDLE, htons(ETH_P_ALL));
}

/* u32 without keys matches all; it is older, and in more kernels, than matchall. */
int tc_redirect_add(int ifindex, enum tc_hook hook, const struct tc_redirect *r,
		    struct xhp_err *err)
{
	const struct tc_u32_sel sel = { .flags = TC_U32_TERMINAL };
	const struct tc_mirred mirred = {
		.eaction = r->copy ? TCA_EGRESS_MIRROR : TCA_EGRESS_REDIR,
		/* after a copy, the filters behind this one are asked as ever */
		.action = r->copy ? TC_ACT_UNSPEC : TC_ACT_STOLEN,
		.ifindex = (uint32_t)r->to,
	};
	struct nl_msg *msg = tc_msg(RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK,
				    ifindex, hook_parent(hook), 0, filter_info());
	struct nlattr *options, *actions, *action, *action_options;

	nl_put(nla_put_string(msg, TCA_KIND, "u32"));
	options = nla_nest_start(msg, TCA_OPTIONS);
	nl_put(nla_put(msg, TCA_U32_SEL, sizeof(sel), &sel));
	actions = nla_nest_start(msg, TCA_U32_ACT);
	action = nla_nest_start(msg, 1);
	nl_put(nla_put_string(msg, TCA_ACT_KIND, "mirred"));
	action_options = nla_nest_start(msg, TCA_ACT_OPTIONS);
	nl_put(nla_put(msg, TCA_MIRRED_PARMS, sizeof(mirred), &mirred));
	nla_nest_end(msg, action_options);
	nla_nest_end(msg, action);
	nla_nest_end(msg, actions);
	nla_nest_end(msg, options);
	if (nl_talk(msg, NULL, NULL, err) == 0)
		return 0;
	if (err->code == -ENOENT)
		kernel_lacks(err, "cls_u32 act_mirred",
			     "CONFIG_NET_CLS_U32, CONFIG_NET_ACT_MIRRED");
	return err_wrap(err, "tc filter");
}

int tc_redirect_del(int ifindex, enum tc_hook hook, struct xhp_err *err)
{
	struct nl_msg *msg = tc_msg(RTM_DELTFILTER, NLM_F_ACK, ifindex, hook_parent(hook),
				    0, filter_info());

	if (nl_talk(msg, NULL, NULL, err) < 0)
		return err_wrap(err, "deletion of a tc filter");
	return 0;
}

struct filter_search {
	struct tc_redirect redirect;
	bool others;
};

static struct nlattr *find(struct nlattr *nest, int type)
{
	return nest ? nla_find(nla_data(nest), nla_len(nest), type) : NULL;
}

/* One filter is several messages: itself, its hash table, its elements. */
static int take_filter(struct nlmsghdr *h, void *data, struct xhp_err *err)
{
	struct filter_search *search = data;
	struct nlattr *attr[TCA_MAX + 1], *action, *parms;
	const struct tc_mirred *mirred;
	const struct tcmsg *tcm;

	if (!h) {
		*search = (struct filter_search){ 0 };
		return 0;
	}
	tcm = nlmsg_data(h);
	if (h->nlmsg_type != RTM_NEWTFILTER)
		return 0;
	if (TC_H_MAJ(tcm->tcm_info) != TC_HANDLE) {
		search->others = true;
		return 0;
	}
	if (nlmsg_parse(h, sizeof(*tcm), attr, TCA_MAX, NULL) < 0)
		return err_set(err, -EBADMSG, "rtnetlink: malformed filter");
	action = find(find(attr[TCA_OPTIONS], TCA_U32_ACT), 1);
	parms = find(find(action, TCA_ACT_OPTIONS), TCA_MIRRED_PARMS);
	if (!parms || nla_len(parms) < (int)sizeof(*mirred))
		return 0;
	mirred = nla_data(parms);
	search->redirect.to = mirred->ifindex ? (int)mirred->ifindex : -1;
	search->redirect.copy = mirred->eaction == TCA_EGRESS_MIRROR;
	return 0;
}

int tc_redirect_get(int ifindex, enum tc_hook hook, struct tc_redirect *ret,
		    bool *ret_others, struct xhp_err *err)
{
	struct nl_msg *msg =
		tc_msg(RTM_GETTFILTER, NLM_F_DUMP, ifindex, hook_parent(hook), 0, 0);
	struct filter_search search = { 0 };

	if (nl_talk(msg, take_filter, &search, err) < 0)
		return err_wrap(err, "tc filters of interface %d", ifindex);
	*ret = search.redirect;
	*ret_others = search.others;
	return 0;
}

/* --- ifb --- */

int nl_ifb_add(const char *name, const uint8_t mac[6], struct xhp_err *err)
{
	const struct ifinfomsg ifi = { 0 };
	struct nl_msg *msg = nl_new_msg(
		RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, &ifi, sizeof(ifi));
	struct nlattr *info;

	nl_put(nla_put_string(msg, IFLA_IFNAME, name));
	nl_put(nla_put(msg, IFLA_ADDRESS, 6, mac));
	info = nla_nest_start(msg, IFLA_LINKINFO);
	nl_put(nla_put_string(msg, IFLA_INFO_KIND, "ifb"));
	nla_nest_end(msg, info);
	if (nl_talk(msg, NULL, NULL, err) == 0)
		return 0;
	if (err->code == -EOPNOTSUPP)
		kernel_lacks(err, "ifb", "CONFIG_IFB");
	return err_wrap(err, "cannot make the ifb interface %s", name);
}
