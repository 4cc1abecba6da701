<?php
/**
 * Plugin Name: hooklog gateway
 * Description: Lets customers pay WooCommerce orders through hooklog, with Stripe's Payment Element.
 * Version: 0.1.0
 * Requires PHP: 7.4
 * Requires Plugins: woocommerce
 *
 * An example of a themed shop's side, in one file: put it into wp-content/plugins, and say in wp-config.php where
 * hooklog is and which source this shop is there:
 *
 *     define( 'HOOKLOG_URL', 'https://hooklog.example.com' );
 *     define( 'HOOKLOG_SOURCE', 'shop' );
 *
 * An order that is placed with this gateway is `pending`, and its payment method is `hooklog`: that is what makes
 * hooklog see to it. The customer goes on to the order's payment page, which asks hooklog for the order's payment
 * by the order's own key, and hands it to Stripe's Payment Element. Nothing here marks an order as paid: hooklog
 * does, when Stripe has told it so, whether or not the customer comes back. It needs no secret key.
 *
 * It serves the classic checkout. The block checkout offers only gateways that also register a script for it.
 */

defined( 'ABSPATH' ) || exit;

add_filter(
	'woocommerce_payment_gateways',
	static function ( array $gateways ): array {
		$gateways[] = 'Hooklog_Gateway';
		return $gateways;
	}
);

// It reaches orders by WooCommerce's own objects alone, wherever they are stored, and has no script for blocks.
add_action(
	'before_woocommerce_init',
	static function (): void {
		if ( class_exists( '\Automattic\WooCommerce\Utilities\FeaturesUtil' ) ) {
			\Automattic\WooCommerce\Utilities\FeaturesUtil::declare_compatibility( 'custom_order_tables', __FILE__, true );
			\Automattic\WooCommerce\Utilities\FeaturesUtil::declare_compatibility( 'cart_checkout_blocks', __FILE__, false );
		}
	}
);

add_action(
	'plugins_loaded',
	static function (): void {
		if ( ! class_exists( 'WC_Payment_Gateway' ) ) {
			return;
		}

		/**
		 * The payment method `hooklog`. It offers no refunds: one that is made at Stripe becomes a refund of the
		 * order by itself.
		 */
		class Hooklog_Gateway extends WC_Payment_Gateway {

			public function __construct() {
				$this->id                 = 'hooklog';
				$this->method_title       = 'hooklog';
				$this->method_description = 'Payments by Stripe, made and followed by hooklog.';
				$this->has_fields         = false;
				$this->order_button_text  = __( 'Continue to payment', 'hooklog' );
				$this->init_form_fields();
				$this->init_settings();
				$this->title       = $this->get_option( 'title' );
				$this->description = $this->get_option( 'description' );

				add_action(
					'woocommerce_update_options_payment_gateways_' . $this->id,
					array( $this, 'process_admin_options' )
				);
				add_action( 'woocommerce_receipt_' . $this->id, array( $this, 'payment_page' ) );
			}

			public function init_form_fields(): void {
				$this->form_fields = array(
					'enabled'     => array(
						'title'   => __( 'Enable', 'hooklog' ),
						'type'    => 'checkbox',
						'label'   => __( 'Offer this method at the checkout', 'hooklog' ),
						'default' => 'no',
					),
					'title'       => array(
						'title'   => __( 'Title', 'hooklog' ),
						'type'    => 'text',
						'default' => __( 'Card and more', 'hooklog' ),
					),
					'description' => array(
						'title'   => __( 'Description', 'hooklog' ),
						'type'    => 'textarea',
						'default' => '',
					),
				);
			}

			public function is_available(): bool {
				return parent::is_available() && defined( 'HOOKLOG_URL' ) && defined( 'HOOKLOG_SOURCE' );
			}

			/**
			 * The order stays `pending`; it is paid on its payment page. WooCommerce has checked the checkout's nonce.
			 *
			 * @param int $order_id The order's id.
			 */
			public function process_payment( $order_id ): array {
				$order = wc_get_order( $order_id );
				if ( ! $order ) {
					return array( 'result' => 'failure' );
				}
				return array(
					'result'   => 'success',
					'redirect' => $order->get_checkout_payment_url( true ),
				);
			}

			/**
			 * What the order's payment page shows, to whom WooCommerce has let in by the order's key.
			 *
			 * @param int $order_id The order's id.
			 */
			public function payment_page( $order_id ): void {
				$order = wc_get_order( $order_id );
				if ( ! $order ) {
					return;
				}
				$path  = sprintf( 'orders/woocommerce/%s/%d/intent', rawurlencode( HOOKLOG_SOURCE ), $order->get_id() );
				$told  = array(
					'intent' => add_query_arg(
						'key',
						rawurlencode( $order->get_order_key() ),
						trailingslashit( HOOKLOG_URL ) . $path
					),
					'return' => $this->get_return_url( $order ),
					'away'   => __( 'The payment cannot be made at the moment. Please try again.', 'hooklog' ),
				);
				// Stripe asks that its script always be loaded from its own site.
				wp_enqueue_script( 'stripe-js', 'https://js.stripe.com/v3/', array(), null, true );
				wp_add_inline_script(
					'stripe-js',
					'(' . self::SCRIPT . ')(' . wp_json_encode( $told, JSON_HEX_TAG ) . ');'
				);
				?>
				<form id="hooklog-payment">
					<div id="hooklog-element"></div>
					<p id="hooklog-problem" role="alert"></p>
					<button type="submit" class="button alt" disabled><?php esc_html_e( 'Pay', 'hooklog' ); ?></button>
				</form>
				<?php
			}

			/**
			 * Runs in the customer's browser. While a payment is still being made hooklog answers 503 with
			 * Retry-After, which a page of another origin may not read: so it asks again after two seconds, five
			 * times. A client secret is for this customer alone, and is neither stored nor logged.
			 */
			private const SCRIPT = <<<'JS'
async function (told) {
	const form = document.getElementById('hooklog-payment');
	const button = form.querySelector('button');
	const problem = document.getElementById('hooklog-problem');
	const say = (sentence) => { problem.textContent = sentence || ''; };

	async function payment() {
		for (let attempt = 0; attempt < 5; attempt++) {
			const answer = await fetch(told.intent, { credentials: 'omit', cache: 'no-store' });
			if (answer.ok) {
				return answer.json();
			}
			if (answer.status === 409) {
				window.location.replace(told.return);  // nothing is left to be paid
				return new Promise(() => {});
			}
			if (answer.status !== 503) {
				break;
			}
			await new Promise((resolve) => setTimeout(resolve, 2000));
		}
		throw new Error(told.away);
	}

	try {
		const { client_secret: clientSecret, publishable_key: publishableKey } = await payment();
		const stripe = Stripe(publishableKey);
		const { paymentIntent } = await stripe.retrievePaymentIntent(clientSecret);
		if (paymentIntent && ['succeeded', 'processing'].includes(paymentIntent.status)) {
			window.location.replace(told.return);
			return;
		}
		const elements = stripe.elements({ clientSecret });
		elements.create('payment').mount('#hooklog-element');
		button.disabled = false;
		form.addEventListener('submit', async (event) => {
			event.preventDefault();
			button.disabled = true;
			say('');
			const { error } = await stripe.confirmPayment({
				elements,
				confirmParams: { return_url: told.return },
			});
			say(error && error.message);  // without one, the browser has left this page
			button.disabled = false;
		});
	} catch (error) {
		say(told.away);
	}
}
JS;
		}
	}
);
