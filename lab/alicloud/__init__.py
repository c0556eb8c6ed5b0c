"""A simulator of Alibaba Cloud's SMC 2019-06-01 and ECS 2014-05-26, as far as a migration needs them."""
