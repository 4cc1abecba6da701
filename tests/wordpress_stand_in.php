<?php
// Stand-ins for what the example calls of WordPress and WooCommerce: each keeps what it was told. Prints what the
// gateway did, as JSON. Usage: php wordpress_stand_in.php GATEWAY ORDER_KEY

define( 'ABSPATH', __DIR__ );
define( 'HOOKLOG_URL', 'https://hooklog.example.com/payments' );
define( 'HOOKLOG_SOURCE', 'my shop' );

$actions = array();
$scripts = array();

function add_action( $name, $callback ) {
	$GLOBALS['actions'][ $name ][] = $callback;
}
function add_filter( $name, $callback ) {
	add_action( $name, $callback );
}
function __( $text, $domain ) {
	return $text;
}
function esc_html_e( $text, $domain ) {
	echo htmlspecialchars( $text, ENT_QUOTES );
}
function add_query_arg( $name, $value, $url ) {
	return "$url?$name=$value";
}
function trailingslashit( $url ) {
	return rtrim( $url, '/' ) . '/';
}
function wp_json_encode( $value, $flags ) {
	return json_encode( $value, $flags );
}
function wp_enqueue_script( $handle, $source, $needs, $version, $in_footer ) {
	$GLOBALS['scripts'][ $handle ] = array( $source, '' );
}
function wp_add_inline_script( $handle, $script ) {
	$GLOBALS['scripts'][ $handle ][1] .= $script;
}
function wc_get_order( $id ) {
	return 1001 === $id ? new Stand_In_Order() : false;
}

class Stand_In_Order {
	public function get_id() {
		return 1001;
	}
	public function get_order_key() {
		return $GLOBALS['argv'][2];
	}
	public function get_checkout_payment_url( $on_checkout ) {
		return 'https://shop.example.com/order-pay/1001';
	}
}

class WC_Payment_Gateway {
	public $id, $method_title, $method_description, $has_fields, $order_button_text, $title, $description, $form_fields;
	public function init_settings() {}
	public function get_option( $name ) {
		return $this->form_fields[ $name ]['default'];
	}
	public function is_available() {
		return true;
	}
	public function get_return_url( $order ) {
		return 'https://shop.example.com/order-received/1001?a=</script>';
	}
}

error_reporting( E_ALL );
set_error_handler(
	static function ( $level, $message ) {
		throw new ErrorException( $message );
	}
);
require $argv[1];
foreach ( $actions['plugins_loaded'] as $callback ) {
	$callback();
}
$gateways = $actions['woocommerce_payment_gateways'][0]( array() );
$gateway  = new $gateways[0]();

ob_start();
$actions['woocommerce_receipt_hooklog'][0]( 1001 );
$page = ob_get_clean();
ob_start();
$actions['woocommerce_receipt_hooklog'][0]( 7 );
$nothing = ob_get_clean();

echo json_encode(
	array(
		'id'        => $gateway->id,
		'available' => $gateway->is_available(),
		'paid'      => $gateway->process_payment( 1001 ),
		'unknown'   => $gateway->process_payment( 7 ),
		'page'      => $page,
		'nothing'   => $nothing,
		'scripts'   => $scripts,
	)
);
