"""Which of PyTorch's ops must be there without a failure, and which cannot be compared in every respect."""


def names(text: str) -> frozenset[str]:
    """Read names that are separated by blanks."""
    return frozenset(text.split())


REQUIRED = names("""
    tensor_split zeros ones full arange linspace logspace eye randn randint zeros_like ones_like full_like empty_like
    rand_like randn_like randint_like new_zeros new_ones new_full new_empty empty scalar_tensor fill zero_ clone
    contiguous to bool byte char short int long half float double nn.functional.one_hot tril_indices triu_indices

    add sub mul div true_divide floor_divide remainder fmod pow float_power __radd__ __rsub__ __rmul__ __rdiv__
    __rmod__ __rpow__ __rmatmul__ __rand__ __ror__ __rxor__ rsub addcmul addcdiv lerp hypot reciprocal square sqrt
    rsqrt neg positive abs sign sgn signbit copysign clamp clamp_min clamp_max maximum minimum fmax fmin exp exp2 expm1
    log log2 log10 log1p logaddexp logaddexp2 xlogy sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh atan2
    sinc deg2rad rad2deg sigmoid logit erf erfc erfinv lgamma digamma floor ceil round trunc frac nan_to_num isnan
    isinf isfinite isposinf isneginf isclose allclose equal eq ne lt le gt ge logical_and logical_or logical_xor
    logical_not bitwise_and bitwise_or bitwise_xor bitwise_not bitwise_left_shift bitwise_right_shift where heaviside

    sum nansum mean nanmean var std var_mean std_mean amax amin aminmax max min argmax argmin prod logsumexp
    logcumsumexp cumsum cumprod cummax cummin norm linalg.norm linalg.vector_norm linalg.matrix_norm any all
    count_nonzero dist median nanmedian mode quantile nanquantile kthvalue

    matmul mm mv bmm dot vdot addmm addmv addr baddbmm addbmm einsum outer inner tensordot

    reshape reshape_as view view_as permute transpose t T mT expand expand_as squeeze unsqueeze cat stack hstack vstack
    dstack column_stack split split_with_sizes chunk unbind constant_pad_nd flip fliplr flipud roll tril triu unfold
    repeat repeat_interleave tile meshgrid flatten unflatten ravel movedim narrow select diag diag_embed diagonal
    broadcast_to broadcast_tensors broadcast_shapes atleast_1d atleast_2d atleast_3d trace

    __getitem__ index_put index_select index_add index_copy index_fill gather scatter scatter_add masked_fill
    masked_select masked_scatter take take_along_dim put nonzero sort argsort topk nn.functional.embedding

    nn.functional.conv1d nn.functional.conv2d nn.functional.conv3d nn.functional.conv_transpose1d
    nn.functional.conv_transpose2d nn.functional.conv_transpose3d nn.functional.max_pool1d nn.functional.max_pool2d
    nn.functional.max_pool3d nn.functional.avg_pool1d nn.functional.avg_pool2d nn.functional.avg_pool3d
    nn.functional.adaptive_avg_pool1d nn.functional.adaptive_avg_pool2d nn.functional.adaptive_avg_pool3d
    nn.functional.adaptive_max_pool1d nn.functional.adaptive_max_pool2d nn.functional.adaptive_max_pool3d
    nn.functional.interpolate nn.functional.unfold nn.functional.pad nn.functional.linear nn.functional.bilinear

    softmax log_softmax nn.functional.softmin nn.functional.scaled_dot_product_attention nn.functional.batch_norm
    nn.functional.layer_norm nn.functional.group_norm nn.functional.instance_norm nn.functional.rms_norm
    nn.functional.local_response_norm nn.functional.normalize nn.functional.dropout nn.functional.dropout2d
    nn.functional.dropout3d nn.functional.alpha_dropout nn.functional.feature_alpha_dropout

    nn.functional.relu nn.functional.relu6 nn.functional.leaky_relu nn.functional.prelu nn.functional.rrelu
    nn.functional.elu nn.functional.selu nn.functional.celu nn.functional.gelu nn.functional.silu nn.functional.mish
    nn.functional.softplus nn.functional.softsign nn.functional.softshrink nn.functional.hardshrink
    nn.functional.tanhshrink nn.functional.threshold nn.functional.hardtanh nn.functional.hardsigmoid
    nn.functional.hardswish nn.functional.logsigmoid nn.functional.glu

    nn.functional.mse_loss nn.functional.l1_loss nn.functional.smooth_l1_loss nn.functional.huber_loss
    nn.functional.cross_entropy nn.functional.nll_loss nn.functional.binary_cross_entropy
    nn.functional.binary_cross_entropy_with_logits nn.functional.kl_div nn.functional.ctc_loss
    nn.functional.poisson_nll_loss nn.functional.gaussian_nll_loss nn.functional.hinge_embedding_loss
    nn.functional.cosine_embedding_loss nn.functional.margin_ranking_loss nn.functional.multi_margin_loss
    nn.functional.multilabel_margin_loss nn.functional.multilabel_soft_margin_loss nn.functional.soft_margin_loss
    nn.functional.triplet_margin_loss nn.functional.triplet_margin_with_distance_loss
    nn.functional.cosine_similarity nn.functional.pairwise_distance
""")

# Their values come from a random generator, or are whatever memory holds: only shapes and dtypes are compared.
RANDOM = names("""
    randn randn_like rand_like randint randint_like bernoulli normal uniform multinomial exponential geometric cauchy
    log_normal empty empty_like new_empty nn.functional.dropout nn.functional.dropout2d nn.functional.dropout3d
    nn.functional.alpha_dropout nn.functional.feature_alpha_dropout nn.functional.rrelu
    nn.functional.fractional_max_pool2d nn.functional.fractional_max_pool3d
""")

# Their samples lie where no derivative exists, so that a difference quotient says nothing.
NOT_NUMERICALLY = {
    "linalg_cholesky": "matrices must stay symmetric",
    "linalg_eigh": "matrices must stay symmetric",
    "linalg_eigvalsh": "matrices must stay symmetric",
    "nn_functional_hinge_embedding_loss": "targets are 1 or -1, and moving them makes them neither",
    "nn_functional_cosine_embedding_loss": "targets are 1 or -1, and moving them makes them neither",
}

# PyTorch's gradient is not that of its values: it counts a maximum that several windows share several times.
NUMERICALLY_ONLY = names("nn.functional.max_unpool1d nn.functional.max_unpool2d nn.functional.max_unpool3d")

# PyTorch's own result is less exact than 1e-9.
LOOSE = {"nn.functional.hardsigmoid": 1e-7}  # its gradient multiplies by 1/6 rounded to float32

# Their results, or the shapes of these, depend on values, which a traced program does not have.
DATA_DEPENDENT = names("""
    allclose equal item nonzero argwhere masked_select unique unique_consecutive bincount multinomial linspace logspace
    arange nn.functional.one_hot __getitem__ index_put where repeat_interleave tensor_split narrow
""")

# Of several equally good positions any may be given: where elements are equal, only the values are compared.
ANY_POSITION = names("argsort kthvalue mode sort topk")
